//! The files that are declared with, read again and again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::documents::{Mark, Place, Problem, SourceFile};

/// A file above this size is no set of declarations.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The files' texts, or why some can't be read.
pub type Read = Result<Vec<SourceFile>, Vec<Problem>>;

/// Reads `paths`; of a folder its YAML files, by name.
///
/// # Errors
/// A problem for each file that can't be read.
pub fn read(paths: &[PathBuf]) -> Read {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let members = members(path).unwrap_or_else(|error| {
            problems.push(problem(path, &error));
            Vec::new()
        });
        for member in members {
            match text(&member) {
                Ok(text) => files.push(SourceFile {
                    name: member.display().to_string(),
                    text,
                }),
                Err(error) => problems.push(problem(&member, &error)),
            }
        }
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(problems)
    }
}

fn members(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    let is_yaml = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["yaml", "yml"].contains(&extension)) && path.is_file()
    };
    let mut files: Vec<_> = entries.into_iter().filter(is_yaml).collect();
    files.sort();
    if files.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the folder has no *.yaml or *.yml",
        ));
    }
    Ok(files)
}

fn text(path: &Path) -> io::Result<String> {
    let bytes = fs::metadata(path)?.len();
    if bytes > MAX_FILE_BYTES {
        let message = format!("the file has {bytes} bytes, at most {MAX_FILE_BYTES} are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    fs::read_to_string(path)
}

fn problem(path: &Path, error: &io::Error) -> Problem {
    let place = Place {
        file: path.display().to_string().into(),
        mark: Mark::NONE,
    };
    Problem::new(&place, None, format!("can't be read: {error}"))
}

/// Notices when files change, and waits until they have stopped changing: an editor may write in several steps.
#[derive(Debug)]
pub struct Watcher {
    paths: Vec<PathBuf>,
    /// What was reported last; none when it shall be reported again.
    reported: Option<Read>,
    /// What was seen since, once.
    seen: Option<Read>,
}

impl Watcher {
    /// Watches `paths`, of which the caller knows `current` already.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>, current: Read) -> Self {
        Self {
            paths,
            reported: Some(current),
            seen: None,
        }
    }

    /// To be called at an interval. Answers with the files when they differ from what was last reported, and are the same
    /// as at the call before.
    pub fn poll(&mut self) -> Option<Read> {
        let now = read(&self.paths);
        if self.reported.as_ref() == Some(&now) {
            self.seen = None;
            return None;
        }
        if self.seen.as_ref() == Some(&now) {
            self.seen = None;
            self.reported = Some(now.clone());
            return Some(now);
        }
        self.seen = Some(now);
        None
    }

    /// What was reported last could not be made use of: the next call reports it again, if it is still the same.
    pub fn again(&mut self) {
        self.seen = self.reported.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_yaml_files_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yml", "c.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let files = read(&[folder.path().to_owned()]).unwrap();
        assert_eq!(
            files.iter().map(|file| file.text.as_str()).collect::<Vec<_>>(),
            ["a.yml", "b.yaml"]
        );
        let problems = read(&[folder.path().join("missing.yaml")]).unwrap_err();
        assert!(
            problems[0].to_string().contains("missing.yaml: can't be read"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_change_is_reported_once_and_only_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        let write = |text: &str| fs::write(&path, text).unwrap();
        let report = |text: &str| {
            Some(Ok(vec![SourceFile {
                name: path.display().to_string(),
                text: text.to_owned(),
            }]))
        };
        write("one");
        let paths = vec![path.clone()];
        let mut watcher = Watcher::new(paths.clone(), read(&paths));
        assert_eq!(watcher.poll(), None);
        write("half of tw");
        assert_eq!(watcher.poll(), None);
        write("two");
        assert_eq!(watcher.poll(), None);
        assert_eq!(watcher.poll(), report("two"));
        assert_eq!(watcher.poll(), None);
        watcher.again();
        assert_eq!(watcher.poll(), report("two"));
        assert_eq!(watcher.poll(), None);
        // Gone between two steps of an editor, and back.
        fs::remove_file(&path).unwrap();
        assert_eq!(watcher.poll(), None);
        write("two");
        assert_eq!(watcher.poll(), None);
        // Gone for good.
        fs::remove_file(&path).unwrap();
        assert_eq!(watcher.poll(), None);
        assert!(watcher.poll().unwrap().is_err());
    }
}
