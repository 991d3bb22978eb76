//! Problems with the line they speak of, and colours.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::documents::{Problem, SourceFile};

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    colours: bool,
}

impl Paint {
    /// Colours on a terminal, unless the environment forbids them (NO_COLOR, see no-color.org, or TERM=dumb).
    #[must_use]
    pub fn of_environment(terminal: bool) -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            colours: terminal && !forbidden && !dumb,
        }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// What stands out.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What to copy.
    #[must_use]
    pub fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What is wrong.
    #[must_use]
    pub fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// What need not be read.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
}

/// All problems, each with its line when its file is known.
#[must_use]
pub fn problems(problems: &[Problem], files: &[SourceFile], paint: &Paint) -> String {
    let mut text = String::new();
    for problem in problems {
        text.push_str(&format!("{} {problem}\n", paint.red("error:")));
        let file = files.iter().find(|file| file.name == problem.file);
        if let Some(line) = file.and_then(|file| line(&file.text, problem.line)) {
            text.push_str(&excerpt(line, problem, paint));
        }
    }
    text
}

fn line(text: &str, number: u64) -> Option<&str> {
    let before = usize::try_from(number.checked_sub(1)?).ok()?;
    text.lines().nth(before).filter(|line| !line.trim().is_empty())
}

fn excerpt(line: &str, problem: &Problem, paint: &Paint) -> String {
    let number = problem.line.to_string();
    let column = usize::try_from(problem.column).unwrap_or(1);
    // Tabs stay tabs, so that the mark stands below its place however wide they are.
    let indent: String = line
        .chars()
        .take(column.saturating_sub(1))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let mut text = String::new();
    let bar = paint.dim("|");
    let _ = writeln!(text, "  {} {bar} {line}", paint.dim(&number));
    let _ = writeln!(
        text,
        "  {:width$} {bar} {indent}{}",
        "",
        paint.red("^"),
        width = number.len()
    );
    text
}

/// An address that a client on this machine can connect to.
#[must_use]
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line() {
        let file = SourceFile {
            name: "shop.yaml".to_owned(),
            text: "kind: Topic\nspec:\n  partitions: 0\n".to_owned(),
        };
        let problem = Problem {
            file: "shop.yaml".to_owned(),
            line: 3,
            column: 3,
            resource: Some("Topic shop/orders".to_owned()),
            message: "spec.partitions: must be 1 to 1024, not 0".to_owned(),
        };
        let text = problems(&[problem], &[file], &Paint { colours: false });
        let wanted = "error: shop.yaml:3:3: Topic shop/orders: spec.partitions: must be 1 to 1024, not 0\n\
                      \x20 3 |   partitions: 0\n    |   ^\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn an_address_for_everybody_is_shown_as_one_to_connect_to() {
        for (listens, connect) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), connect);
        }
    }
}
