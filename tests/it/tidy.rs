//! The shape of the house, read off its own files: who may use whom, what must be fresh, what must not be there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use qdeck::config::Config;
use qdeck::protocol::KeyMap;
use qdeck::protocol::action::ROWS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The code without its unit tests, which may look anywhere.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn arrows_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("model", &["model"][..]),
        ("ui", &["ui", "protocol", "model"]),
        ("protocol", &["protocol", "model"]),
        ("config", &["config", "model", "protocol", "ui"]),
        ("app", &["app", "ui", "protocol", "model", "config"]),
        ("remote", &["remote", "model", "config"]),
        ("runtime", &["runtime", "app", "ui", "protocol", "model", "remote"]),
        ("cli", &["cli", "remote", "model", "config", "protocol", "ui"]),
    ]);
    for (path, text) in sources("src") {
        let name = path.iter().nth(1).unwrap().to_string_lossy();
        let Some(allowed) = allowed.get(name.trim_end_matches(".rs")) else { continue };
        for line in code(&text).lines() {
            for used in line.split("crate::").skip(1) {
                let module: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                assert!(module.is_empty() || allowed.contains(&module.as_str()), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn each_library_is_named_in_one_place() {
    let places = [
        ("aws_sdk_", "src/remote/aws"),
        ("aws_config", "src/remote/aws"),
        ("openssh", "src/remote/ssh"),
        ("crossterm", "src/runtime"),
        ("ratatui", "src/"),
    ];
    for (path, text) in sources("src") {
        for (library, place) in places {
            let uses = code(&text).lines().any(|line| {
                !line.trim_start().starts_with("//") && line.contains(&format!("{library}::")) || line.contains(&format!("use {library}"))
            });
            assert!(!uses || path.to_string_lossy().starts_with(place), "{} names {library}", path.display());
        }
        let pure = ["src/model", "src/protocol"].iter().any(|p| path.to_string_lossy().starts_with(p));
        assert!(!pure || !code(&text).contains("ratatui::") && !code(&text).contains("tokio::"), "{} is pure", path.display());
        let clocks = code(&text).contains("Instant::now") || code(&text).contains("Timestamp::now");
        let may = ["src/runtime", "src/remote"].iter().any(|p| path.to_string_lossy().starts_with(p));
        assert!(!clocks || may, "{} reads a clock", path.display());
    }
}

#[test]
fn a_pane_knows_no_other_pane() {
    for (path, text) in sources("src/app/panes") {
        let own = path.file_stem().unwrap().to_string_lossy().into_owned();
        for pane in ["clusters", "nodes", "jobs", "logs"] {
            assert!(own == pane || !code(&text).contains(&format!("super::{pane}")), "{} knows {pane}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        assert!(text.starts_with("//!"), "{} does not begin with what it is", path.display());
    }
}

#[test]
fn the_example_configuration_shows_every_setting_and_is_valid() {
    let text = fs::read_to_string(root().join("config.example.yaml")).unwrap();
    let config = Config::parse(&text, "config.example.yaml").unwrap();
    assert!(!config.hosts.is_empty() && !config.clusters.is_empty() && !config.keys.is_empty());
    let fields = fs::read_to_string(root().join("src/config.rs")).unwrap();
    for line in code(&fields).lines().filter_map(|line| line.strip_prefix("    pub ")) {
        if let Some((field, _)) = line.split_once(": ").filter(|(f, _)| !f.contains(' ') && !f.contains('(')) {
            assert!(text.contains(&format!("{field}:")), "config.example.yaml does not show {field}");
        }
    }
}

#[test]
fn the_readme_s_keys_are_those_of_the_table() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let map = KeyMap::default();
    let mut table = String::from("| where | keys | what it does |\n| --- | --- | --- |\n");
    for row in ROWS {
        let keys: Vec<String> = map.keys(row.action).iter().map(|k| format!("`{k}`")).collect();
        table.push_str(&format!("| {} | {} | {} |\n", row.area.title(), keys.join(" "), row.words));
    }
    assert!(readme.contains(&table), "put this into README.md:\n{table}");
}

#[test]
fn nothing_of_a_single_machine_is_in_the_tree() {
    let mut places = sources("src");
    places.extend(sources("tests"));
    let words = [concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    for (path, text) in places {
        assert!(!words.iter().any(|word| text.contains(word)), "{} has a path of one machine", path.display());
    }
}
