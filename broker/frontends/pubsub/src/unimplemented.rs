//! Calls that Postroad knows by name and does not do yet. A call answers which one it is, never an empty message.

use tonic::{Request, Response, Status};

use crate::proto::iam;
use crate::proto::iam::iam_policy_server::IamPolicy;
use crate::proto::pubsub::schema_service_server::SchemaService;
use crate::proto::pubsub::*;

/// The refusal of the call `name`.
pub fn call<T>(name: &str) -> Result<Response<T>, Status> {
    Err(Status::unimplemented(format!("{name} is not supported yet")))
}

/// Schemas come with their own issue.
#[derive(Clone, Copy)]
pub struct NoSchemas;

#[tonic::async_trait]
impl SchemaService for NoSchemas {
    async fn create_schema(&self, _: Request<CreateSchemaRequest>) -> Result<Response<Schema>, Status> {
        call("CreateSchema")
    }

    async fn get_schema(&self, _: Request<GetSchemaRequest>) -> Result<Response<Schema>, Status> {
        call("GetSchema")
    }

    async fn list_schemas(
        &self,
        _: Request<ListSchemasRequest>,
    ) -> Result<Response<ListSchemasResponse>, Status> {
        call("ListSchemas")
    }

    async fn list_schema_revisions(
        &self,
        _: Request<ListSchemaRevisionsRequest>,
    ) -> Result<Response<ListSchemaRevisionsResponse>, Status> {
        call("ListSchemaRevisions")
    }

    async fn commit_schema(&self, _: Request<CommitSchemaRequest>) -> Result<Response<Schema>, Status> {
        call("CommitSchema")
    }

    async fn rollback_schema(&self, _: Request<RollbackSchemaRequest>) -> Result<Response<Schema>, Status> {
        call("RollbackSchema")
    }

    async fn delete_schema_revision(
        &self,
        _: Request<DeleteSchemaRevisionRequest>,
    ) -> Result<Response<Schema>, Status> {
        call("DeleteSchemaRevision")
    }

    async fn delete_schema(&self, _: Request<DeleteSchemaRequest>) -> Result<Response<()>, Status> {
        call("DeleteSchema")
    }

    async fn validate_schema(
        &self,
        _: Request<ValidateSchemaRequest>,
    ) -> Result<Response<ValidateSchemaResponse>, Status> {
        call("ValidateSchema")
    }

    async fn validate_message(
        &self,
        _: Request<ValidateMessageRequest>,
    ) -> Result<Response<ValidateMessageResponse>, Status> {
        call("ValidateMessage")
    }
}

/// Access policies come with users and permissions.
#[derive(Clone, Copy)]
pub struct NoPolicies;

#[tonic::async_trait]
impl IamPolicy for NoPolicies {
    async fn set_iam_policy(
        &self,
        _: Request<iam::SetIamPolicyRequest>,
    ) -> Result<Response<iam::Policy>, Status> {
        call("SetIamPolicy")
    }

    async fn get_iam_policy(
        &self,
        _: Request<iam::GetIamPolicyRequest>,
    ) -> Result<Response<iam::Policy>, Status> {
        call("GetIamPolicy")
    }

    async fn test_iam_permissions(
        &self,
        _: Request<iam::TestIamPermissionsRequest>,
    ) -> Result<Response<iam::TestIamPermissionsResponse>, Status> {
        call("TestIamPermissions")
    }
}
