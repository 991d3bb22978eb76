//! Calls that are not there yet: each is refused by its name.

use postroad_pubsub::proto::iam;
use postroad_pubsub::proto::iam::iam_policy_client::IamPolicyClient;
use postroad_pubsub::proto::pubsub::schema_service_client::SchemaServiceClient;
use postroad_pubsub::proto::pubsub::*;
use tonic::Code;

use crate::server::*;

/// Each call by its method of the client, with an empty request of its type.
macro_rules! unimplemented_by_name {
    ($client:expr, $($method:ident($request:ty) = $name:literal),* $(,)?) => {
        $(refused(
            $client.$method(<$request>::default()).await,
            Code::Unimplemented,
            concat!($name, " is not supported yet"),
        );)*
    };
}

#[tokio::test]
async fn calls_that_are_not_there_yet_answer_by_name() {
    let server = Server::start().await;
    let (mut publisher, mut subscriber) = (server.publisher().await, server.subscriber().await);
    unimplemented_by_name!(
        publisher,
        list_topic_snapshots(ListTopicSnapshotsRequest) = "ListTopicSnapshots",
        detach_subscription(DetachSubscriptionRequest) = "DetachSubscription",
    );
    unimplemented_by_name!(
        subscriber,
        get_snapshot(GetSnapshotRequest) = "GetSnapshot",
        list_snapshots(ListSnapshotsRequest) = "ListSnapshots",
        create_snapshot(CreateSnapshotRequest) = "CreateSnapshot",
        update_snapshot(UpdateSnapshotRequest) = "UpdateSnapshot",
        delete_snapshot(DeleteSnapshotRequest) = "DeleteSnapshot",
        seek(SeekRequest) = "Seek",
    );
    let mut schemas = SchemaServiceClient::new(server.connect().await);
    unimplemented_by_name!(
        schemas,
        create_schema(CreateSchemaRequest) = "CreateSchema",
        get_schema(GetSchemaRequest) = "GetSchema",
        list_schemas(ListSchemasRequest) = "ListSchemas",
        list_schema_revisions(ListSchemaRevisionsRequest) = "ListSchemaRevisions",
        commit_schema(CommitSchemaRequest) = "CommitSchema",
        rollback_schema(RollbackSchemaRequest) = "RollbackSchema",
        delete_schema_revision(DeleteSchemaRevisionRequest) = "DeleteSchemaRevision",
        delete_schema(DeleteSchemaRequest) = "DeleteSchema",
        validate_schema(ValidateSchemaRequest) = "ValidateSchema",
        validate_message(ValidateMessageRequest) = "ValidateMessage",
    );
    let mut policies = IamPolicyClient::new(server.connect().await);
    unimplemented_by_name!(
        policies,
        set_iam_policy(iam::SetIamPolicyRequest) = "SetIamPolicy",
        get_iam_policy(iam::GetIamPolicyRequest) = "GetIamPolicy",
        test_iam_permissions(iam::TestIamPermissionsRequest) = "TestIamPermissions",
    );
    server.stop().await;
}
