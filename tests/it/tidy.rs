//! Reads the repository: what is named where, who imports whom, how long functions and comments
//! are, and whether the READMEs and `docs` speak of what exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::support::daoxiao;

/// A function may have so many lines, from its name to its closing brace.
const MAX_FUNCTION_LINES: usize = 40;
/// Comments wrap here, like code.
const MAX_COMMENT_WIDTH: usize = 100;
/// A README that nobody reads to the end helps nobody.
const MAX_README_LINES: usize = 150;

const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];

/// Where pages are that are longer than a README.
const DOCS: &str = "docs";

/// Crates that are hidden behind the modules that use them: how the paths of those begin.
const CRATE_HOMES: [(&str, &[&str]); 8] = [
    ("tiny_http", &["commands/chat/web", "server"]),
    ("clap", &["cli.rs", "commands/", "translations/help.rs"]),
    ("env_filter", &["logger.rs"]),
    ("roxmltree", &["wechat/xml.rs", "joke/formats/"]),
    ("select", &["joke/formats/"]),
    ("rustls", &["simulator/tls.rs", "network.rs"]),
    ("rustyline", &["commands/chat.rs"]),
    ("ureq", &["joke/client.rs", "simulator/url.rs"]),
];

/// Modules that decide, by how their paths begin: they touch no socket, clock, environment or
/// randomness.
const CORE: [&str; 7] = [
    "bot.rs",
    "callback",
    "joke/formats",
    "joke/source.rs",
    "reverse.rs",
    "wechat",
    "words",
];

/// What the core does not name.
const OUTSIDE_WORLD: [&str; 12] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "env::",
    "fastrand::",
    "getrandom::",
    "nix::",
];

/// All that the core imports of the crate.
const CORE_IMPORTS: [&str; 7] = [
    "bot",
    "callback",
    "joke",
    "printable",
    "reverse",
    "wechat",
    "words",
];

/// A source file: its path below `src`, and its code without comments and tests.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// The module's path: `wechat::xml` for `wechat/xml.rs`, nothing for the crate.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs").split('/');
        path.filter(|name| *name != "lib").collect()
    }

    fn is_core(&self) -> bool {
        CORE.iter().any(|start| self.path.starts_with(start))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all files below a directory of the repository.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name {
            ".git" | "target" | "Cargo.lock" | "fixtures" | "proptest-regressions" => {}
            _ if path.is_dir() => files.extend(files_below(&path)),
            _ => files.push(path),
        }
    }
    files
}

fn rust_files_below(directory: &str) -> Vec<PathBuf> {
    let files = files_below(&root().join(directory)).into_iter();
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.filter(is_rust).collect()
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let files = rust_files_below("src").into_iter();
    let is_code = |path: &PathBuf| !path.ends_with("tests.rs") && !path.ends_with("main.rs");
    files
        .filter(is_code)
        .map(|path| Source {
            code: code_of(&fs::read_to_string(&path).unwrap()),
            path: path
                .strip_prefix(&src)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned(),
        })
        .collect()
}

/// The lines of a source file that are neither blank nor comment nor test.
fn code_of(text: &str) -> String {
    let mut lines = text.lines();
    let mut code = String::new();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            // rustfmt closes what begins in the first column there too
            let is_block = lines.next().is_some_and(|line| line.ends_with('{'));
            while is_block && lines.next().is_some_and(|line| line != "}") {}
        } else if !line.trim().is_empty() && !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

fn is_word_part(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Where code has a path that begins with this name.
fn paths_from<'c>(code: &'c str, name: &str) -> Vec<&'c str> {
    let start = format!("{name}::");
    let found = code.match_indices(&start).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|char| is_word_part(char) || char == ':')
    });
    found.map(|(at, _)| &code[at..]).collect()
}

/// The paths that a text begins with: one, or those of a list in braces.
fn expand(text: &str) -> Vec<String> {
    let end = text.find(|char| !is_word_part(char) && char != ':');
    let (path, rest) = text.split_at(end.unwrap_or(text.len()));
    let Some(list) = rest.strip_prefix('{') else {
        return vec![path.to_owned()];
    };
    let mut depth = 0;
    let mut starts = vec![0];
    for (at, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    let items = starts.into_iter().map(|at| expand(list[at..].trim_start()));
    items
        .flatten()
        .map(|item| format!("{path}{item}"))
        .collect()
}

/// The paths of the crate that a file names, from the root of the crate on.
fn names_of(source: &Source) -> Vec<Vec<String>> {
    let paths = ["crate", "self", "super"].into_iter();
    let paths = paths
        .flat_map(|start| paths_from(&source.code, start))
        .flat_map(expand);
    let from_root = |path: String| {
        let mut names: Vec<String> = Vec::new();
        for (index, name) in path.split("::").enumerate() {
            match name {
                "" | "crate" => {}
                // at the end of a list: the module itself
                "self" if index > 0 => {}
                "self" => names = source.module().into_iter().map(str::to_owned).collect(),
                "super" => {
                    if index == 0 {
                        names = source.module().into_iter().map(str::to_owned).collect();
                    }
                    names.pop();
                }
                name => names.push(name.to_owned()),
            }
        }
        names
    };
    paths
        .map(from_root)
        .filter(|names| !names.is_empty())
        .collect()
}

#[test]
fn each_crate_is_named_only_where_it_is_at_home() {
    for source in sources() {
        for (name, homes) in CRATE_HOMES {
            let is_at_home = homes.iter().any(|home| source.path.starts_with(home));
            let is_named = !paths_from(&source.code, name).is_empty();
            assert!(
                is_at_home || !is_named,
                "src/{} names {name}, which belongs into {homes:?}",
                source.path
            );
        }
    }
}

#[test]
fn the_core_names_nothing_of_the_outside_world() {
    for source in sources().into_iter().filter(Source::is_core) {
        for name in OUTSIDE_WORLD {
            assert!(
                !source.code.contains(name),
                "src/{} names {name}",
                source.path
            );
        }
        for name in names_of(&source) {
            let module = name.first().unwrap();
            assert!(
                CORE_IMPORTS.contains(&module.as_str()),
                "src/{} imports {module}",
                source.path
            );
        }
    }
}

/// Of the modules in one place, none imports itself through others there, whoever in them does.
#[test]
fn no_module_imports_itself_through_its_neighbours() {
    let sources = sources();
    let modules: BTreeSet<Vec<&str>> = sources.iter().map(Source::module).collect();
    let mut graph: BTreeMap<Vec<&str>, BTreeSet<Vec<&str>>> = BTreeMap::new();
    for source in &sources {
        let from = source.module();
        for name in names_of(source) {
            let is_named = |module: &&Vec<&str>| module.iter().eq(name.iter().take(module.len()));
            let to = modules
                .iter()
                .filter(is_named)
                .max_by_key(|module| module.len());
            let to = to.unwrap();
            let shared = from
                .iter()
                .zip(to)
                .take_while(|(from, to)| from == to)
                .count();
            // A module and what is below it are one.
            if let (Some(_), Some(_)) = (from.get(shared), to.get(shared)) {
                let imported = graph.entry(from[..=shared].to_vec()).or_default();
                imported.insert(to[..=shared].to_vec());
            }
        }
    }
    // What imports nothing that is left is taken away; what stays imports itself.
    while let Some(leaf) = graph
        .iter()
        .find(|(_, imported)| imported.iter().all(|name| !graph.contains_key(name)))
        .map(|(module, _)| module.clone())
    {
        graph.remove(&leaf);
    }
    assert!(graph.is_empty(), "a circle among {graph:?}");
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for source in sources() {
        for (name, lines) in functions(&source.code) {
            if lines > MAX_FUNCTION_LINES {
                long.push(format!("src/{}: {lines} lines in {name}", source.path));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

/// The first line of each function, and how many lines there are to its closing brace.
fn functions(code: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let head = line.trim_start();
        if !(head.starts_with("fn ") || head.contains(" fn ") && head.starts_with("pub")) {
            continue;
        }
        let end = format!("{}}}", " ".repeat(line.len() - head.len()));
        let length = lines[at..].iter().position(|line| *line == end);
        found.push((head, length.map_or(1, |length| length + 1)));
    }
    found
}

#[test]
fn comments_wrap_and_a_module_stands_beside_its_directory() {
    for directory in ["src", "tests", "benches"] {
        for path in rust_files_below(directory) {
            let name = path.display();
            assert!(!path.ends_with("mod.rs"), "{name}");
            for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
                let is_comment = line.trim_start().starts_with("//");
                assert!(
                    !is_comment || line.chars().count() <= MAX_COMMENT_WIDTH,
                    "{name}:{}",
                    number + 1
                );
            }
        }
    }
}

#[test]
fn nothing_is_left_to_do_and_nothing_points_out_of_the_repository() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
    ];
    for path in files_below(&root()) {
        // what is no text has no words
        let text = fs::read_to_string(&path).unwrap_or_default();
        for word in words {
            assert!(!text.contains(word), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn the_readmes_can_be_read_in_one_sitting() {
    for readme in READMES {
        let lines = read(readme).lines().count();
        assert!(lines <= MAX_README_LINES, "{readme} has {lines} lines");
    }
}

#[test]
fn the_readmes_speak_of_each_other() {
    for (readme, other) in [(READMES[0], READMES[1]), (READMES[1], READMES[0])] {
        let text = read(readme);
        let top: Vec<&str> = text.lines().take(5).collect();
        assert!(top.join("\n").contains(&format!("]({other})")), "{readme}");
    }
}

/// The READMEs, how to contribute, and all below `docs` that is written: path and text.
fn pages() -> Vec<(String, String)> {
    let docs = files_below(&root().join(DOCS)).into_iter();
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let docs = docs.map(|path| {
        path.strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    });
    let top = [READMES[0], READMES[1], "CONTRIBUTING.md"];
    let paths = top.map(str::to_owned).into_iter().chain(docs);
    paths.map(|path| (path.clone(), read(&path))).collect()
}

#[test]
fn what_the_pages_point_to_exists() {
    for (page, text) in pages() {
        let page = root().join(page);
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
            let target = page.parent().unwrap().join(link);
            assert!(target.exists(), "{}: {link}", page.display());
        }
        for code in text.split('`').skip(1).step_by(2) {
            let is_path = ["src/", "deploy/", "tests/"]
                .iter()
                .any(|start| code.starts_with(start));
            assert!(
                !is_path || root().join(code).exists(),
                "{}: {code}",
                page.display()
            );
        }
    }
}

#[test]
fn the_pages_commands_and_flags_exist() {
    let mut help: BTreeMap<String, String> = BTreeMap::new();
    for (page, text) in pages() {
        for call in calls(&text) {
            let command = match call.split_whitespace().next() {
                Some(word) if word.starts_with(|c: char| c.is_ascii_lowercase()) => word,
                _ => "serve",
            };
            let help = help
                .entry(command.to_owned())
                .or_insert_with(|| help_of(command));
            for flag in words_like(call, |word| word.starts_with("--") && word.len() > 2) {
                assert!(
                    help.contains(flag),
                    "{page}: daoxiao {command} has no {flag}"
                );
            }
        }
    }
}

/// What stands behind `daoxiao` on each command line in code.
fn calls(markdown: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in markdown.match_indices("daoxiao ") {
        let line_start = markdown[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = &markdown[line_start..at];
        let is_block = before.is_empty() || before.ends_with("; ") || before.ends_with("$(");
        if is_block || before.ends_with('`') || before.ends_with('/') || before.ends_with("=1 ") {
            let rest = &markdown[at + "daoxiao ".len()..];
            let end = rest.find(['\n', '`', '|', ';', '#', '&', ')']);
            found.push(&rest[..end.unwrap_or(rest.len())]);
        }
    }
    found
}

fn words_like(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    let words = text.split(|char: char| !(is_word_part(char) || char == '-'));
    words.filter(|word| wanted(word)).collect()
}

fn help_of(command: &str) -> String {
    let output = daoxiao(&[command, "--help"]).output().unwrap();
    assert!(output.status.success(), "daoxiao {command} --help");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_pages_variables_exist() {
    let code: String = sources().into_iter().map(|source| source.code).collect();
    let is_variable = |word: &str| word.starts_with("DAOXIAO_") || word.starts_with("WECHAT_");
    for (page, text) in pages() {
        for variable in words_like(&text, is_variable) {
            // Each secret has a variable with the path of a file, too.
            let name = match variable.strip_suffix("_FILE") {
                Some(secret) if secret.starts_with("WECHAT_") => secret,
                _ => variable,
            };
            let quoted = format!("\"{name}\"");
            let in_tests = [
                "tests/it/flood.rs",
                "tests/it/generated.rs",
                "tests/it/support.rs",
                ".ci/run",
            ];
            assert!(
                code.contains(&quoted) || in_tests.iter().any(|test| read(test).contains(variable)),
                "{page} speaks of {variable}"
            );
        }
    }
}
