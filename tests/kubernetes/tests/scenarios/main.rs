//! What a user does with Postroad on Kubernetes, from the first `helm install` to the last `helm uninstall`.

mod crash;
mod delivery;
mod release;
mod resources;
