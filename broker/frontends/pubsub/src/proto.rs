//! What `build.rs` generates from Google's interface definitions. [`pubsub`] and [`iam`] are the ones to use.

pub use google::iam::v1 as iam;
pub use google::pubsub::v1 as pubsub;

/// The packages as Google names them: generated code refers from one to another by these paths.
#[allow(missing_docs, clippy::all)]
pub mod google {
    pub mod iam {
        pub mod v1 {
            tonic::include_proto!("google.iam.v1");
        }
    }
    pub mod pubsub {
        pub mod v1 {
            tonic::include_proto!("google.pubsub.v1");
        }
    }
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}
