//! The documents that dev mode reads: the same YAML that Kubernetes takes, checked by the same rules, with the place of
//! everything that is wrong. Pure: files are read elsewhere.

mod kinds;
mod problem;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use postroad_admin_api as admin;
use postroad_crds::TopicRef;
use postroad_crds::check::{FieldPath, NoSchema};
use postroad_crds::convert::ConvertError;
use serde_json::Value;

use kinds::{Document, Kinds};
pub use problem::{Place, Problem, SourceFile};
pub use yaml::{Mark, Node, YamlError, parse};

/// The namespace of an object that names none, as `kubectl` has it.
const DEFAULT_NAMESPACE: &str = "default";

/// What a set of files declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declarations {
    /// The resources, in an order in which they can be applied: what is referred to comes first.
    pub resources: Vec<Declaration>,
    /// Objects that mean something to Kubernetes only: `Namespace shop`.
    pub ignored: Vec<String>,
}

/// One resource, and where it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// What to apply.
    pub resource: admin::Resource,
    /// Where its document begins.
    pub place: Place,
}

/// Reads files into declarations, by the rules of the CRDs.
#[derive(Debug)]
pub struct Reader {
    kinds: Kinds,
}

impl Reader {
    /// A reader of all kinds.
    ///
    /// # Errors
    /// [`NoSchema`] when a kind's definition has no schema: a defect of this program.
    pub fn new() -> Result<Self, NoSchema> {
        Ok(Self { kinds: Kinds::new()? })
    }

    /// Reads `files`.
    ///
    /// # Errors
    /// Everything that is wrong with any of them, in the order of the files.
    pub fn read(&self, files: &[SourceFile]) -> Result<Declarations, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut documents = Vec::new();
        for file in files {
            match parse(&file.text) {
                Ok(nodes) => documents.extend(nodes.into_iter().filter_map(|node| {
                    let parsed = self.document(&file.name, node);
                    parsed.map_err(|found| problems.extend(found)).ok()
                })),
                Err(YamlError { mark, message }) => {
                    let place = Place {
                        file: file.name.as_str().into(),
                        mark,
                    };
                    problems.push(Problem::new(&place, None, message));
                }
            }
        }
        let declarations = declarations(&documents, &mut problems);
        if problems.is_empty() {
            return Ok(declarations);
        }
        let order = |problem: &Problem| files.iter().position(|file| file.name == problem.file);
        problems.sort_by_cached_key(|problem| (order(problem), problem.line, problem.column));
        Err(problems)
    }

    fn document(&self, file: &str, node: Node) -> Result<Parsed, Vec<Problem>> {
        let mut object = node.to_json();
        let source = Source {
            file: file.into(),
            node,
        };
        if !object.is_object() {
            let message = "a document must be a mapping with apiVersion, kind, metadata and spec";
            return Err(vec![source.problem(&FieldPath::root(), None, message.to_owned())]);
        }
        let checker = self.kinds.checker(&object).map_err(|(field, message)| {
            vec![source.problem(&FieldPath::parse(field), title(&object), message)]
        })?;
        if let Some(checker) = checker {
            let violations = checker.create(&object);
            if !violations.is_empty() {
                let about = |violation: &postroad_crds::check::Violation| {
                    source.problem(&violation.path, title(&object), violation.to_string())
                };
                return Err(violations.iter().map(about).collect());
            }
            object = checker.defaulted(&object);
        }
        if object["kind"] != "Namespace" && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = DEFAULT_NAMESPACE.into();
        }
        let name = title(&object);
        // Whatever the checker lets through has the shape of the type; a message is all that a defect of it needs.
        let document = kinds::read(object)
            .map_err(|error| vec![source.problem(&FieldPath::root(), name, error.to_string())])?;
        Ok(Parsed { source, document })
    }
}

/// A document and where it came from.
struct Parsed {
    source: Source,
    document: Document,
}

struct Source {
    file: Arc<str>,
    node: Node,
}

impl Source {
    fn place(&self, path: &FieldPath) -> Place {
        Place {
            file: self.file.clone(),
            mark: self.node.locate(path),
        }
    }

    fn problem(&self, path: &FieldPath, resource: Option<String>, message: String) -> Problem {
        Problem::new(&self.place(path), resource, message)
    }
}

/// `Topic shop/orders`, as far as the object tells.
fn title(object: &Value) -> Option<String> {
    let kind = object["kind"].as_str()?;
    let name = object["metadata"]["name"].as_str()?;
    let namespace = object["metadata"]["namespace"]
        .as_str()
        .unwrap_or(DEFAULT_NAMESPACE);
    Some(if kind == "Namespace" {
        format!("{kind} {name}")
    } else {
        format!("{kind} {namespace}/{name}")
    })
}

fn declarations(documents: &[Parsed], problems: &mut Vec<Problem>) -> Declarations {
    let names = topic_names(documents);
    let mut declared: BTreeMap<admin::ResourceKey, Declaration> = BTreeMap::new();
    let mut ignored = Vec::new();
    for Parsed { source, document } in documents {
        let Some(key) = document.key() else {
            if let Document::Ignored(name) = document {
                ignored.push(name.clone());
            }
            continue;
        };
        let place = source.place(&FieldPath::root());
        let resolve = |topic: &TopicRef| resolve(topic, &key.namespace, &names);
        match document.spec(resolve) {
            Ok(None) => {}
            Ok(Some(spec)) => {
                let resource = admin::Resource {
                    namespace: key.namespace.clone(),
                    name: key.name.clone(),
                    spec,
                };
                if let Some(first) = declared.get(&key) {
                    let message = format!("is declared twice; first at {}", first.place);
                    problems.push(Problem::new(&place, Some(key.to_string()), message));
                } else {
                    declared.insert(key, Declaration { resource, place });
                }
            }
            Err(error) => problems.extend(refusal(source, &key, &error)),
        }
    }
    let mut resources: Vec<Declaration> = declared.into_values().collect();
    resources.sort_by_key(|declaration| declaration.resource.kind() == admin::Kind::Subscription);
    Declarations { resources, ignored }
}

/// The names in Postroad of the topics that are declared, by namespace and object name.
fn topic_names(documents: &[Parsed]) -> BTreeMap<(String, String), String> {
    let topics = documents.iter().filter_map(|parsed| match &parsed.document {
        Document::Topic(topic) => Some((
            (parsed.document.key()?.namespace, topic.metadata.name.clone()?),
            parsed.document.key()?.name,
        )),
        _ => None,
    });
    topics.collect()
}

/// A topic that is not declared may be there all the same, made by a client; it has the name of the reference then.
fn resolve(topic: &TopicRef, here: &str, names: &BTreeMap<(String, String), String>) -> admin::TopicRef {
    let namespace = topic.namespace.as_deref().unwrap_or(here).to_owned();
    let object = (namespace, topic.name.clone());
    let name = names.get(&object).unwrap_or(&topic.name).clone();
    admin::TopicRef {
        namespace: object.0,
        name,
    }
}

fn refusal(source: &Source, key: &admin::ResourceKey, error: &ConvertError) -> Vec<Problem> {
    let about = |field: &str, message: String| {
        source.problem(
            &FieldPath::parse(field),
            Some(key.to_string()),
            format!("{field}: {message}"),
        )
    };
    match error {
        ConvertError::Unsupported { fields } => {
            let message = "this version of Postroad does not support the field; remove it";
            fields
                .iter()
                .map(|field| about(field, message.to_owned()))
                .collect()
        }
        ConvertError::Negative { field, value } => {
            vec![about(field, format!("is {value}: it must not be negative"))]
        }
    }
}
