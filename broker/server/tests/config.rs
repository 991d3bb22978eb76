//! The configuration as a user meets it: the real binary, asked with --print-config.

use std::path::Path;
use std::process::{Command, Output};

const FILE: &str = "
dataDir: /from/file
shards: 5
admin:
  tokenFile: /token/from/file
log:
  format: json
limits:
  inflightPublishBytes: 32Mi
";

fn broker(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_postroad-broker"))
        .env_clear()
        .envs(environment.iter().copied())
        .args(arguments)
        .output()
        .expect("the broker's binary runs")
}

/// The lines that the broker prints, or the whole of its error.
fn printed(file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broker.yaml");
    std::fs::write(&path, file).unwrap();
    let mut all = vec!["--print-config", "--config", path.to_str().unwrap()];
    all.extend(arguments);
    let output = broker(environment, &all);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        Some(2) => Err(text(&output.stderr)),
        other => panic!("exit code {other:?}: {}", text(&output.stderr)),
    }
}

#[test]
fn flags_win_over_the_environment_that_over_the_file_that_over_the_default() {
    let environment = [
        ("POSTROAD_SHARDS", "6"),
        ("POSTROAD_DATA_DIR", "/from/environment"),
    ];
    let flags = ["--shards", "7", "--max-connections=12"];
    let text = printed(FILE, &environment, &flags).unwrap();
    for line in [
        "shards: 7",
        "dataDir: /from/environment",
        "  tokenFile: /token/from/file",
        "  format: json",
        "  inflightPublishBytes: 32Mi",
        "  connections: 12",
        "  graceSeconds: 25",
        "  level: info",
    ] {
        assert!(
            text.lines().any(|printed| printed == line),
            "{line:?} is not in:\n{text}"
        );
    }
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let first = printed(FILE, &[], &["--log-level", "warn,postroad_node=debug"]).unwrap();
    assert_eq!(printed(&first, &[], &[]).unwrap(), first);
    let loopback = ["--admin-insecure", "--admin-listen=[::1]:0"];
    let insecure = printed("", &[], &loopback).unwrap();
    assert!(insecure.contains("insecure: true"), "{insecure}");
    assert_eq!(printed(&insecure, &[], &[]).unwrap(), insecure);
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    let token = "admin: {tokenFile: /t}\n";
    let cases: &[(String, &[&str], &[&str])] = &[
        (
            format!("{token}shard: 3"),
            &[],
            &["broker.yaml", "line 2", "shard", "dataDir", "shutdown"],
        ),
        (
            "admin: {tokenfile: /t}".into(),
            &[],
            &["line 1", "tokenfile", "tokenFile", "insecure"],
        ),
        (format!("{token}shards: many"), &[], &["line 2", "many"]),
        (
            format!("{token}journal: {{fileBytes: 64MB}}"),
            &[],
            &["line 2", "64MB", "Ki, Mi, Gi"],
        ),
        (
            format!("{token}log: {{format: xml}}"),
            &[],
            &["line 2", "xml", "text", "json"],
        ),
        (
            format!("{token}shards: 1"),
            &[],
            &["shards: 1 is out of range; 2 to 256"],
        ),
        (
            format!("{token}pubsub: {{listen: 'localhost:8085'}}"),
            &[],
            &["pubsub.listen", "localhost:8085", "IP address"],
        ),
        (
            format!("{token}log: {{level: loud}}"),
            &[],
            &["log.level", "loud", "info"],
        ),
        (
            format!("{token}log: {{level: 'info,postroad_node=loud'}}"),
            &[],
            &["log.level", "postroad_node=loud"],
        ),
        (
            token.into(),
            &["--admin-listen", "0.0.0.0:8085"],
            &["admin.listen", "pubsub.listen already"],
        ),
        (
            token.into(),
            &["--journal-file-bytes", "1"],
            &["journal.fileBytes: 1 is out of range; 1Mi to 1Gi"],
        ),
        (
            token.into(),
            &["--shutdown-grace-seconds", "0"],
            &["shutdown.graceSeconds: 0 is out of range"],
        ),
        (
            token.into(),
            &["--admin-insecure", "--admin-listen=127.0.0.1:1"],
            &["admin.tokenFile is there too"],
        ),
        (
            String::new(),
            &[],
            &["admin.tokenFile", "it is needed", "admin.insecure"],
        ),
        (
            String::new(),
            &["--admin-insecure"],
            &["admin.insecure", "0.0.0.0:8080 can be reached from outside"],
        ),
        (String::new(), &["--shards", "x"], &["--shards", "'x'"]),
        (String::new(), &["--shard", "3"], &["--shard", "--shards"]),
    ];
    for (file, flags, expected) in cases {
        let error = printed(file, &[], flags).expect_err(file);
        for part in *expected {
            assert!(
                error.contains(part),
                "{part:?} is not in the answer to {file:?} {flags:?}:\n{error}"
            );
        }
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let error = printed("shards: 1\nlimits: {connections: 0}", &[], &[]).unwrap_err();
    for key in ["shards:", "limits.connections:", "admin.tokenFile:"] {
        assert!(error.contains(key), "{key} is not in:\n{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = broker(&[], &["--config", "/nowhere/broker.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("/nowhere/broker.yaml") && error.contains("No such file"),
        "{error}"
    );
}

/// Kubernetes gives a pod variables for each Service of its namespace; for one called `postroad` they begin as ours do.
#[test]
fn variables_of_a_service_called_postroad_are_no_configuration() {
    let environment = [
        ("POSTROAD_SERVICE_HOST", "10.0.0.7"),
        ("POSTROAD_PORT", "tcp://10.0.0.7:8085"),
        ("POSTROAD_PORT_8085_TCP_ADDR", "10.0.0.7"),
        ("POSTROAD_ADMIN_PORT", "tcp://10.0.0.8:8080"),
    ];
    assert_eq!(
        printed(FILE, &environment, &[]).unwrap(),
        printed(FILE, &[], &[]).unwrap()
    );
}

/// Help, the documentation and the code say the same about every setting.
#[test]
fn help_and_documentation_name_every_setting_with_its_default() {
    let help = String::from_utf8(broker(&[], &["--help"]).stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let effective = printed("admin: {tokenFile: x}", &[], &[]).unwrap();
    let mut rows = 0;
    for row in docs
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("`POSTROAD_"))
    {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let (key, flag, variable, default) = (cells[1], cells[2], cells[3], cells[4]);
        assert!(
            help.contains(flag) && help.contains(&format!("[env: {variable}=]")),
            "{flag} {variable}:\n{help}"
        );
        if default != "none" {
            assert!(
                help.contains(&format!("[default: {default}]")),
                "default {default} of {flag}:\n{help}"
            );
            let line = format!("{}: {default}", key.rsplit('.').next().unwrap());
            let printed = effective.lines().any(|printed| printed.trim() == line);
            assert!(printed || default == "false", "{line:?} is not in\n{effective}");
        }
        rows += 1;
    }
    assert_eq!(
        rows,
        help.matches("[env: POSTROAD_").count() - 1,
        "a row for every setting but --config"
    );
}
