//! The manifests that are checked in are those of the types, in the crate and in the chart.

use std::path::Path;

use postroad_crds::manifest::manifests;

#[test]
fn the_checked_in_manifests_are_what_the_types_say() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in [here.join("manifests"), here.join("../charts/postroad/crds")] {
        let manifests = manifests().unwrap();
        for manifest in &manifests {
            let path = folder.join(&manifest.file_name);
            let text =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(
                text == manifest.yaml,
                "{}: run `cargo run -p postroad-crds --bin crdgen`",
                path.display()
            );
        }
        let files = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(files, manifests.len(), "{}: a file of no kind", folder.display());
    }
}

/// `kubectl apply` keeps the whole object in an annotation, which Kubernetes limits to 256 KiB with all others.
#[test]
fn a_client_side_apply_of_each_manifest_fits() {
    for definition in postroad_crds::manifest::definitions() {
        let bytes = serde_json::to_vec(&definition).unwrap().len();
        assert!(
            bytes < 200 * 1024,
            "{:?} has {bytes} bytes",
            definition.metadata.name
        );
    }
}
