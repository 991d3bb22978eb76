//! Writes the CRD manifests, or with `--check` says which files differ from what it would write.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use postroad_crds::manifest::{Manifest, manifests};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => each_file(write),
        ["--check"] => each_file(check),
        _ => Err("usage: crdgen [--check]".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("crdgen: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The folders that hold the manifests: the crate's own, and the chart's copies.
fn folders() -> [PathBuf; 2] {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("manifests"), here.join("../charts/postroad/crds")]
}

fn each_file(act: fn(&Path, &Manifest) -> Result<(), String>) -> Result<(), String> {
    let manifests = manifests().map_err(|error| error.to_string())?;
    let mut failures = Vec::new();
    for folder in folders() {
        for manifest in &manifests {
            failures.extend(act(&folder.join(&manifest.file_name), manifest).err());
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n"))
    }
}

fn write(path: &Path, manifest: &Manifest) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{} can't be written: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, &manifest.yaml).map_err(failed)
}

fn check(path: &Path, manifest: &Manifest) -> Result<(), String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} can't be read ({error}); run crdgen", path.display()))?;
    if text == manifest.yaml {
        Ok(())
    } else {
        Err(format!(
            "{} is not what the types say; run crdgen",
            path.display()
        ))
    }
}
