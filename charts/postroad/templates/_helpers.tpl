{{- define "postroad.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The prefix of every name: the release, or release-chart when the release is not named after the chart. */}}
{{- define "postroad.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "-operator" keeps the operator's names apart from those of a cluster that bears the release's name. */}}
{{- define "postroad.operator" -}}
{{- printf "%s-operator" (include "postroad.fullname" .) -}}
{{- end -}}

{{- define "postroad.crdsJob" -}}
{{- printf "%s-crds" (include "postroad.fullname" .) -}}
{{- end -}}

{{/* Cluster-wide objects carry the namespace too: two releases of one name in two namespaces do not collide. */}}
{{- define "postroad.clusterWide" -}}
{{- printf "%s:%s" .Release.Namespace (include "postroad.operator" .) -}}
{{- end -}}

{{- define "postroad.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "postroad.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the account that exists, or set serviceAccount.create=true" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "postroad.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "postroad.selector" -}}
app.kubernetes.io/name: {{ include "postroad.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "postroad.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "postroad.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: postroad
{{- end -}}

{{/* What Pod Security "restricted" asks of a pod. */}}
{{- define "postroad.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What Pod Security "restricted" asks of a container. */}}
{{- define "postroad.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What the operator puts on the headless Service of a cluster's brokers. */}}
{{- define "postroad.brokersSelector" -}}
app.kubernetes.io/name: postroad
app.kubernetes.io/component: broker-peers
{{- end -}}
