//! Jokes in JSON, as APIs send them.

use serde_json::{Deserializer, Map, Value};

use super::{PageError, Rules, item::Item, selector::Selector};

/// Keys under which APIs have a joke.
const JOKE_KEYS: [&str; 8] = [
    "joke", "content", "text", "duanzi", "value", "body", "selftext", "xiaohua",
];

/// Keys of the two parts of a joke.
const FIRST_KEYS: [&str; 3] = ["setup", "question", "title"];
const SECOND_KEYS: [&str; 4] = ["punchline", "delivery", "answer", "selftext"];

/// Keys under which texts are jokes, alone or in a list.
const LIST_KEYS: [&str; 12] = [
    "data",
    "result",
    "results",
    "list",
    "newslist",
    "items",
    "jokes",
    "rows",
    "records",
    "res",
    "contents",
    "message_list",
];

/// Keys of what an API says about its answer.
const MESSAGE_KEYS: [&str; 8] = [
    "msg",
    "message",
    "reason",
    "errmsg",
    "error_msg",
    "error",
    "info",
    "description",
];

/// Keys whose number is 0 when all is well.
const ERROR_KEYS: [&str; 4] = ["error_code", "errno", "errcode", "errorcode"];

/// What a code is when all is well.
const GOOD_CODES: [i64; 5] = [0, 1, 100, 200, 10_000];

/// The value of a body that is JSON, or several, one a line; `None` if it does not look like any.
pub(super) fn parse(text: &str, is_called_json: bool) -> Option<Result<Value, serde_json::Error>> {
    let mut begin = text.chars().filter(|c| !c.is_whitespace());
    let begin = (begin.next(), begin.next());
    let looks_like_json = matches!(
        begin,
        (Some('{'), Some('"' | '}')) | (Some('['), Some('"' | '{' | '[' | ']'))
    );
    if !is_called_json && !looks_like_json {
        return None;
    }
    let values: Result<Vec<Value>, _> = Deserializer::from_str(text).into_iter().collect();
    Some(values.map(|mut values| match values.pop() {
        Some(only) if values.is_empty() => only,
        last => values.into_iter().chain(last).collect(),
    }))
}

/// The items in a value. Without selectors, those that look like jokes.
pub(super) fn items(root: &Value, rules: &Rules) -> Result<Vec<Item>, PageError> {
    if let Some(error) = error(root) {
        return Err(PageError::ApiError(error));
    }
    let items = match (&rules.item, &rules.content) {
        (None, None) => usual(root, root.is_string()),
        (None, Some(content)) => at_paths(root, content),
        (Some(item), _) => {
            let found = paths(root, item).into_iter().flatten();
            found
                .flat_map(elements)
                .flat_map(|value| chosen(value, rules))
                .collect()
        }
    };
    match (items.is_empty(), message(root)) {
        (false, _) => Ok(items),
        (true, Some(message)) if rules.item.is_none() => Err(PageError::ApiError(message)),
        _ => {
            let selector = rules.item.as_ref().or(rules.content.as_ref());
            Err(selector.map_or(PageError::NoUsualPath, |selector| {
                PageError::NoPath(selector.text().to_owned())
            }))
        }
    }
}

/// The URLs at the paths of a selector.
pub(super) fn links(root: &Value, selector: &Selector) -> Vec<String> {
    let found = paths(root, selector)
        .into_iter()
        .flatten()
        .flat_map(elements);
    found.filter_map(text).collect()
}

/// What an item is by the rules.
fn chosen(value: &Value, rules: &Rules) -> Vec<Item> {
    let title = rules.title.as_ref().map(|title| field(value, title));
    match (&rules.content, title) {
        (Some(content), title) => vec![Item {
            title: title.unwrap_or_default(),
            ..Item::of(field(value, content))
        }],
        (None, None) => usual(value, true),
        (None, Some(title)) => {
            let mut items = usual(value, true);
            for item in &mut items {
                item.title.clone_from(&title);
            }
            items
        }
    }
}

/// The values at each path of a selector.
fn paths<'v>(value: &'v Value, selector: &Selector) -> Vec<Vec<&'v Value>> {
    selector
        .paths()
        .iter()
        .map(|path| follow(value, path))
        .collect()
}

/// Follows a path; of an array, that of each element, unless the path has a number for one.
fn follow<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    let Some((key, rest)) = path.split_first() else {
        return vec![value];
    };
    match value {
        Value::Array(values) => match key.parse::<usize>() {
            Ok(n) => values
                .get(n)
                .map_or_else(Vec::new, |value| follow(value, rest)),
            Err(_) => values
                .iter()
                .flat_map(|value| follow(value, path))
                .collect(),
        },
        Value::Object(map) => get(map, key).map_or_else(Vec::new, |value| follow(value, rest)),
        _ => Vec::new(),
    }
}

/// The value of a key, in any case if it must be.
fn get<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    let in_any_case = || map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    map.get(key)
        .or_else(|| in_any_case().map(|(_, value)| value))
}

fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().flat_map(elements).collect(),
        value => vec![value],
    }
}

/// The text of a field; of several, in lines.
fn field(value: &Value, selector: &Selector) -> String {
    let texts: Vec<String> = paths(value, selector)
        .into_iter()
        .flatten()
        .filter_map(text)
        .collect();
    texts.join("\n")
}

/// The jokes at paths from the root. Several paths with all but the last key alike are fields of
/// the same object, of which there may be many; others make one joke together.
fn at_paths(root: &Value, content: &Selector) -> Vec<Item> {
    let paths = content.paths();
    let fields: Vec<_> = paths.iter().filter_map(|path| path.split_last()).collect();
    let join = |values: Vec<&Value>| {
        let texts: Vec<String> = values.into_iter().filter_map(text).collect();
        Item::of(texts.join("\n"))
    };
    match fields.as_slice() {
        [(key, parent)] => {
            let values = follow(root, parent)
                .into_iter()
                .flat_map(|value| follow(value, &[*key]));
            values
                .flat_map(elements)
                .map(|value| join(vec![value]))
                .collect()
        }
        [(_, parent), others @ ..] if others.iter().all(|(_, other)| other == parent) => {
            let objects = follow(root, parent).into_iter().flat_map(elements);
            let values = |object| {
                fields
                    .iter()
                    .flat_map(move |(key, _)| follow(object, &[**key]))
            };
            objects
                .map(|object| join(values(object).collect()))
                .collect()
        }
        _ => vec![join(
            paths.iter().flat_map(|path| follow(root, path)).collect(),
        )],
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().filter_map(text).collect();
            Some(texts.join("\n"))
        }
        _ => None,
    }
}

/// The jokes in an answer whose shape nobody has told us. A text is one where `is_joke` says so.
fn usual(value: &Value, is_joke: bool) -> Vec<Item> {
    match value {
        Value::String(text) if is_joke => vec![Item::of(text.clone())],
        Value::Array(values) => {
            let is_root = !is_joke && values.iter().all(Value::is_string);
            values
                .iter()
                .flat_map(|value| usual(value, is_joke || is_root))
                .collect()
        }
        Value::Object(map) => joke(map).map_or_else(
            || {
                let lists = map.iter().filter(|(key, _)| !is_one_of(key, &MESSAGE_KEYS));
                lists
                    .flat_map(|(key, value)| usual(value, is_one_of(key, &LIST_KEYS)))
                    .collect()
            },
            |joke| vec![joke],
        ),
        _ => Vec::new(),
    }
}

/// An object that is a joke.
fn joke(map: &Map<String, Value>) -> Option<Item> {
    let find = |keys: &[&str]| {
        let mut texts = keys.iter().filter_map(|key| get(map, key)?.as_str());
        texts.find(|text| !text.trim().is_empty())
    };
    if let (Some(first), Some(second)) = (find(&FIRST_KEYS), find(&SECOND_KEYS)) {
        return Some(Item::of(format!("{first}\n{second}")));
    }
    let content = find(&JOKE_KEYS)?;
    Some(Item {
        title: find(&["title"]).unwrap_or_default().to_owned(),
        ..Item::of(content.to_owned())
    })
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.iter().any(|one| key.eq_ignore_ascii_case(one))
}

/// What an answer that says that something went wrong says about it.
fn error(root: &Value) -> Option<String> {
    let map = root.as_object()?;
    let flag = |key: &str| get(map, key).and_then(Value::as_bool);
    let number = |key: &&str| match get(map, key)? {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    };
    let says_error = match get(map, "error") {
        Some(Value::Bool(is_error)) => *is_error,
        Some(Value::String(error)) => !error.is_empty(),
        Some(Value::Object(_)) => true,
        _ => false,
    };
    let status = get(map, "status")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_error = says_error
        || [flag("success"), flag("ok"), flag("status")].contains(&Some(false))
        || ["error", "fail", "failed", "failure"].contains(&status.to_lowercase().as_str())
        || ERROR_KEYS.iter().filter_map(number).any(|code| code != 0)
        || ["code", "status", "statuscode"]
            .iter()
            .filter_map(number)
            .any(|code| !GOOD_CODES.contains(&code));
    is_error.then(|| message(root).unwrap_or_else(|| "no reason given".to_owned()))
}

/// What an answer says about itself.
fn message(root: &Value) -> Option<String> {
    let map = root.as_object()?;
    MESSAGE_KEYS.iter().find_map(|key| match get(map, key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        value @ Value::Object(_) => message(value),
        _ => None,
    })
}
