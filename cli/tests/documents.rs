//! What the files that dev mode reads come to, and which words it has for what is wrong with them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use postroad_admin_api::{Kind, Spec};
use postroad_cli::documents::{Declarations, Problem, Reader, SourceFile};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(texts: &[(&str, &str)]) -> Result<Declarations, Vec<Problem>> {
    let files: Vec<SourceFile> = texts
        .iter()
        .map(|(name, text)| SourceFile {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    Reader::new().unwrap().read(&files)
}

/// The messages for each file in tests/wrong/ are in tests/wrong/NAME.txt. With UPDATE_GOLDEN=1 the test writes them:
/// read the difference before you keep it.
#[test]
fn every_wrong_file_has_its_messages() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder("tests/wrong")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let name = path.file_name().unwrap().to_str().unwrap();
        let problems = read(&[(name, &std::fs::read_to_string(&path).unwrap())]).unwrap_err();
        let mut messages = String::new();
        for problem in problems {
            writeln!(messages, "{problem}").unwrap();
        }
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &messages).unwrap();
        }
        assert_eq!(messages, std::fs::read_to_string(&golden).unwrap(), "{name}");
    }
    assert!(seen >= 6, "only {seen} files");
}

#[test]
fn the_examples_become_resources_in_an_order_that_works() {
    for (example, resources) in [("hello.yaml", 2), ("shop.yaml", 14)] {
        let text = std::fs::read_to_string(folder("../examples").join(example)).unwrap();
        let declarations = read(&[(example, &text)]).unwrap();
        assert_eq!(declarations.resources.len(), resources, "{example}");
        assert_eq!(declarations.ignored.len(), 1, "{example}: its Namespace");
        let kinds: Vec<Kind> = declarations
            .resources
            .iter()
            .map(|declared| declared.resource.kind())
            .collect();
        let first = kinds.iter().position(|kind| *kind == Kind::Subscription).unwrap();
        assert!(
            kinds[first..].iter().all(|kind| *kind == Kind::Subscription),
            "{kinds:?}"
        );
    }
}

#[test]
fn a_reference_to_a_topic_with_another_name_in_postroad_finds_it_in_another_file() {
    let topic = "apiVersion: postroad.dev/v1alpha1\nkind: Topic\nmetadata: {name: orders, namespace: shop}\n\
                 spec: {resourceID: Orders.v2}\n";
    let subscription = "apiVersion: postroad.dev/v1alpha1\nkind: Subscription\nmetadata: {name: billing}\n\
                        spec: {topicRef: {name: orders, namespace: shop}}\n";
    let declarations = read(&[("subscription.yaml", subscription), ("topic.yaml", topic)]).unwrap();
    let declared = &declarations.resources[1];
    assert_eq!(declared.place.to_string(), "subscription.yaml:1:1");
    assert_eq!(declared.resource.namespace, "default", "as kubectl has it");
    let Spec::Subscription(spec) = &declared.resource.spec else {
        panic!("{declared:?}")
    };
    assert_eq!(
        (spec.topic.namespace.as_str(), spec.topic.name.as_str()),
        ("shop", "Orders.v2")
    );
}

#[test]
fn everything_that_is_wrong_in_any_file_is_said_at_once() {
    let wrong =
        "apiVersion: postroad.dev/v1alpha1\nkind: Topic\nmetadata: {name: a}\nspec: {partitions: 0}\n";
    let problems = read(&[("a.yaml", wrong), ("b.yaml", "a: [\n"), ("c.yaml", wrong)]).unwrap_err();
    let files: Vec<&str> = problems.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!(files, ["a.yaml", "b.yaml", "c.yaml"]);
}

#[test]
fn a_file_of_comments_declares_nothing() {
    assert_eq!(
        read(&[("empty.yaml", "# nothing yet\n---\n")]),
        Ok(Declarations::default())
    );
}

#[test]
fn a_cluster_is_checked_and_otherwise_left_to_kubernetes() {
    let cluster = "apiVersion: postroad.dev/v1alpha1\nkind: PostroadCluster\nmetadata: {name: main}\n";
    assert_eq!(
        read(&[("cluster.yaml", cluster)]).unwrap().ignored,
        ["PostroadCluster main"]
    );
    let wrong = format!("{cluster}spec: {{replicas: 0}}\n");
    assert_eq!(read(&[("cluster.yaml", &wrong)]).unwrap_err().len(), 1);
}
