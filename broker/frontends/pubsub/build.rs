//! Compiles Google's interface definitions (proto/README.md) without `protoc`.

use std::error::Error;

const FILES: [&str; 3] = [
    "google/pubsub/v1/pubsub.proto",
    "google/pubsub/v1/schema.proto",
    "google/iam/v1/iam_policy.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        // Payloads are slices of the request's buffer, not copies.
        .bytes(".")
        // Attributes and labels in the same order every time.
        .btree_map(".")
        // Google's comments hold indented examples, which rustdoc would run as tests.
        .disable_comments(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
