//! Reads the repository: what is named where, who imports whom, how long things are, and whether
//! the README speaks of commands that exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::support::daoxiao;

/// A function may have so many lines, from its name to its closing brace.
const MAX_FUNCTION_LINES: usize = 40;
/// A README that nobody reads to the end helps nobody.
const MAX_README_LINES: usize = 150;

const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];

/// Where pages are that are longer than a README.
const DOCS: &str = "docs";

/// Crates that are hidden behind the modules that use them.
const CRATE_HOMES: [(&str, &[&str]); 6] = [
    (
        "tiny_http",
        &["server.rs", "server/connection.rs", "server/request.rs"],
    ),
    (
        "clap",
        &[
            "cli.rs",
            "commands/args.rs",
            "commands/cgi.rs",
            "commands/chat.rs",
            "commands/doctor.rs",
            "commands/joke.rs",
            "commands/joke_args.rs",
            "commands/say.rs",
            "commands/serve.rs",
            "commands/sign.rs",
        ],
    ),
    ("env_filter", &["logger.rs"]),
    ("roxmltree", &["wechat/xml.rs"]),
    (
        "select",
        &["joke/formats/html.rs", "joke/formats/selector.rs"],
    ),
    (
        "ureq",
        &["joke/client.rs", "simulator/post.rs", "simulator/url.rs"],
    ),
];

/// Modules that decide: they touch no socket, clock, environment or randomness.
const CORE: [&str; 18] = [
    "bot.rs",
    "callback.rs",
    "wechat/crypt.rs",
    "joke/formats.rs",
    "joke/formats/charset.rs",
    "joke/formats/html.rs",
    "joke/formats/limits.rs",
    "joke/formats/rules.rs",
    "joke/formats/selector.rs",
    "joke/formats/selector/parse.rs",
    "joke/formats/text.rs",
    "joke/source.rs",
    "wechat/message.rs",
    "wechat/query.rs",
    "callback/recent.rs",
    "wechat/reply.rs",
    "reverse.rs",
    "wechat/signature.rs",
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

/// Modules of the shell, which the core does not import.
const SHELL: [&str; 8] = [
    "cgi",
    "cli",
    "commands",
    "logger",
    "server",
    "settings",
    "survival",
    "simulator",
];

/// A source file: its path below `src`, and its code without comments and tests.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// The module right below the crate that it belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.trim_end_matches(".rs")
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

fn sources() -> Vec<Source> {
    let src = root().join("src");
    files_below(&src)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| path.file_name().is_some_and(|name| name != "tests.rs"))
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

/// Whether code names a crate: as the beginning of a path.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        !before.is_some_and(|char| is_word_part(char) || char == ':')
            && (after.starts_with("::") || code[..at].ends_with("use ") && after.starts_with(';'))
    })
}

/// The modules right below the crate that code names as `crate::…`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_segments(list)),
            None => found.extend(first_segment(rest)),
        }
    }
    found
}

/// The first segment of each path in a list that stands in braces.
fn first_segments(list: &str) -> Vec<String> {
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
    let paths = starts.into_iter().map(|start| list[start..].trim_start());
    paths.filter_map(first_segment).collect()
}

fn first_segment(path: &str) -> Option<String> {
    let name: String = path
        .chars()
        .take_while(|char| is_word_part(*char))
        .collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn each_crate_is_named_only_where_it_is_at_home() {
    for source in sources() {
        for (name, homes) in CRATE_HOMES {
            let at_home = homes.contains(&source.path.as_str());
            assert!(
                at_home || !names_crate(&source.code, name),
                "src/{} names {name}, which belongs into {homes:?}",
                source.path
            );
        }
    }
}

#[test]
fn the_core_names_nothing_of_the_outside_world() {
    for source in sources() {
        if !CORE.contains(&source.path.as_str()) {
            continue;
        }
        for name in OUTSIDE_WORLD {
            assert!(
                !source.code.contains(name),
                "src/{} names {name}",
                source.path
            );
        }
        for module in SHELL {
            assert!(
                !imports(&source.code).contains(module),
                "src/{} imports {module}",
                source.path
            );
        }
    }
}

#[test]
fn no_module_imports_itself_through_others() {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let imported = imports(&source.code);
        let module = source.module().to_owned();
        graph.entry(module).or_default().extend(imported);
    }
    for (module, imported) in &mut graph {
        imported.remove(module);
    }
    // What imports nothing that is left is taken away; what stays imports itself.
    while let Some(leaf) = graph
        .iter()
        .find(|(_, imported)| imported.iter().all(|name| !graph.contains_key(name)))
        .map(|(module, _)| module.clone())
    {
        graph.remove(&leaf);
    }
    assert!(graph.is_empty(), "a cycle among {graph:?}");
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

/// The READMEs and all below `docs`: path and text.
fn pages() -> Vec<(String, String)> {
    let docs = files_below(&root().join(DOCS)).into_iter();
    let docs = docs.map(|path| {
        path.strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    });
    let paths = READMES.map(str::to_owned).into_iter().chain(docs);
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
            let is_path = ["src/", "deploy/"]
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
            let quoted = format!("\"{variable}\"");
            let in_tests = [
                "tests/it/flood.rs",
                "tests/it/generated.rs",
                "tests/it/support/mod.rs",
                ".ci/run",
            ];
            assert!(
                code.contains(&quoted) || in_tests.iter().any(|test| read(test).contains(variable)),
                "{page} speaks of {variable}"
            );
        }
    }
}
