{{/* The resource types, as customresourcedefinitions are named. */}}
{{- define "postroad.crdNames" -}}
- postroadclusters.postroad.dev
- topics.postroad.dev
- queues.postroad.dev
- subscriptions.postroad.dev
{{- end -}}

{{/*
What the operator may do where it looks for resources; docs/operator.md says what each line is for. Secrets: it creates
a cluster's admin token and never overwrites or deletes one.
*/}}
{{- define "postroad.rules" -}}
- apiGroups: [postroad.dev]
  resources: [postroadclusters, topics, queues, subscriptions]
  verbs: [get, list, watch, patch]
- apiGroups: [postroad.dev]
  resources: [postroadclusters/status, topics/status, queues/status, subscriptions/status]
  verbs: [get, patch]
- apiGroups: [postroad.dev]
  resources: [postroadclusters/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [serviceaccounts, configmaps, services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
