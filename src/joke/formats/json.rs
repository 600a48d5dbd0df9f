//! Jokes in JSON, as APIs send them.

use serde_json::{Deserializer, Map, Value};

use super::{PageError, Rules, item::Item, selector::Selector};

/// Keys under which APIs have a joke.
const JOKE_KEYS: &str = "\
    joke content text duanzi value body selftext xiaohua neirong joke_content jokecontent \
    joke_text joketext content_html content_text 笑话 内容 段子";

/// Keys of the two parts of a joke.
const FIRST_KEYS: &str = "setup question quest riddle joke content text title";
const SECOND_KEYS: &str = "punchline delivery answer selftext";

/// Keys under which texts are jokes, alone or in a list.
const LIST_KEYS: &str = "\
    data result results list newslist items jokes rows records res contents message_list";

/// Keys of what stands beside jokes and is none.
const OTHER_KEYS: &str = "\
    comment comments reply replies user users author ad ads tags meta links category categories";

/// Keys of what an API says about its answer.
const MESSAGE_KEYS: &str = "\
    msg message reason errmsg error_msg error errors info description detail showapi_res_error";

/// Keys whose number is 0 when all is well.
const ERROR_KEYS: &str = "error_code errno errcode errorcode retcode ret_code showapi_res_code";

/// What a code is when all is well.
const GOOD_CODES: [i64; 5] = [0, 1, 100, 200, 10_000];

/// The value of a body that is JSON, or several, one a line; `None` if it does not look like any.
pub(super) fn parse(text: &str, is_called_json: bool) -> Option<Result<Value, serde_json::Error>> {
    let text = without_callback(text.trim()).unwrap_or(text);
    if !is_called_json && !looks_like_json(text) {
        // A text in quotes is JSON only if all of it is one.
        let only = text
            .starts_with('"')
            .then(|| serde_json::from_str(text).ok())?;
        return only.map(|text| Ok(Value::String(text)));
    }
    let values = values(text).or_else(|error| values(&with_escapes(text)).map_err(|_| error));
    Some(values.map(|mut values| match values.pop() {
        Some(only) if values.is_empty() => only,
        last => values.into_iter().chain(last).collect(),
    }))
}

fn looks_like_json(text: &str) -> bool {
    let mut begin = text.chars().filter(|c| !c.is_whitespace());
    matches!(
        (begin.next(), begin.next()),
        (Some('{'), Some('"' | '}')) | (Some('['), Some('"' | '{' | '[' | ']'))
    )
}

fn values(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    Deserializer::from_str(text).into_iter().collect()
}

/// What a script hands to its callback, as in `show({…});`.
fn without_callback(text: &str) -> Option<&str> {
    let (name, argument) = text.trim_start_matches("/**/").split_once('(')?;
    let argument = argument.trim_end_matches([';', ' ']).strip_suffix(')')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_$.".contains(c);
    (name.chars().all(is_name) && looks_like_json(argument)).then_some(argument)
}

/// JSON in whose texts line breaks and the like stand as they are, with escapes for them.
fn with_escapes(text: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        is_text ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        match c {
            '\n' if is_text => escaped.push_str("\\n"),
            c if is_text && c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The items in a value. Without selectors, those that look like jokes.
pub(super) fn items(root: &Value, rules: &Rules) -> Result<Vec<Item>, PageError> {
    if let Some(error) = error(root) {
        return Err(PageError::ApiError(error));
    }
    let items = match (&rules.item, &rules.content) {
        (None, None) => usual(root, root.is_string()),
        (None, Some(content)) => at_paths(root, content, rules.title.as_ref()),
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
    let is_number = key.parse::<usize>().is_ok();
    match (list(value), value) {
        (Some(values), _) if !is_number => values
            .into_iter()
            .flat_map(|value| follow(value, path))
            .collect(),
        (_, Value::Array(values)) => {
            let value = key.parse().ok().and_then(|n: usize| values.get(n));
            value.map_or_else(Vec::new, |value| follow(value, rest))
        }
        (_, Value::Object(map)) => get(map, key).map_or_else(Vec::new, |value| follow(value, rest)),
        _ => Vec::new(),
    }
}

/// The values of an array, or of an object that scripts make of one, with numbers for keys.
fn list(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(values) => Some(values.iter().collect()),
        Value::Object(map) => {
            let is_list = !map.is_empty() && map.keys().all(|key| key.parse::<u32>().is_ok());
            is_list.then(|| map.values().collect())
        }
        _ => None,
    }
}

/// The value of a key, in any case if it must be.
fn get<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    let in_any_case = || map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    map.get(key)
        .or_else(|| in_any_case().map(|(_, value)| value))
}

fn elements(value: &Value) -> Vec<&Value> {
    list(value).map_or_else(
        || vec![value],
        |values| values.into_iter().flat_map(elements).collect(),
    )
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

/// The jokes at paths from the root. Paths with all but the last key alike are fields of the same
/// object, of which there may be many; others make one joke together.
fn at_paths(root: &Value, content: &Selector, title: Option<&Selector>) -> Vec<Item> {
    let (content, title) = (
        content.paths(),
        title.map(Selector::paths).unwrap_or_default(),
    );
    let mut parents = content
        .iter()
        .chain(&title)
        .filter_map(|path| path.split_last());
    let parent = parents.next().map_or(&[][..], |(_, parent)| parent);
    let are_fields = parents.all(|(_, other)| other == parent);
    let (objects, depth) = if are_fields {
        let objects = follow(root, parent).into_iter().flat_map(elements);
        (objects.collect(), parent.len())
    } else {
        (vec![root], 0)
    };
    let is_only = content.len() == 1 && title.is_empty();
    let at = |object, paths: &[Vec<&str>]| -> Vec<String> {
        let paths = paths.iter().filter_map(|path| path.get(depth..));
        let found = paths.flat_map(|path| follow(object, path));
        found.flat_map(elements).filter_map(text).collect()
    };
    let items = objects.into_iter().flat_map(|object| {
        let texts = at(object, &content);
        // A list of texts is one of jokes.
        let texts = if is_only {
            texts
        } else {
            vec![texts.join("\n")]
        };
        let title = at(object, &title).join("\n");
        let item = move |content| Item {
            title: title.clone(),
            ..Item::of(content)
        };
        texts.into_iter().map(item)
    });
    items.collect()
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
    match (list(value), value) {
        (_, Value::String(text)) => match parse(text, false) {
            Some(Ok(Value::String(_))) | None if is_joke && has_words(text) => {
                vec![Item::of(text.clone())]
            }
            Some(Ok(value)) if !value.is_string() => usual(&value, true),
            _ => Vec::new(),
        },
        (Some(values), _) => {
            let is_joke = is_joke || values.iter().all(|value| value.is_string());
            values
                .into_iter()
                .flat_map(|value| usual(value, is_joke))
                .collect()
        }
        (None, Value::Object(map)) => in_object(map),
        _ => Vec::new(),
    }
}

/// The jokes in a list that an object has; else it is one; else those in what else it has.
fn in_object(map: &Map<String, Value>) -> Vec<Item> {
    let is_other = |key: &str| is_one_of(key, MESSAGE_KEYS) || is_one_of(key, OTHER_KEYS);
    let (lists, others): (Vec<_>, Vec<_>) = map
        .iter()
        .filter(|(key, _)| !is_other(key))
        .partition(|(key, value)| is_one_of(key, LIST_KEYS) && !value.is_string());
    let in_lists: Vec<Item> = lists
        .into_iter()
        .flat_map(|(_, value)| usual(value, true))
        .collect();
    if !in_lists.is_empty() {
        return in_lists;
    }
    joke(map).map_or_else(
        || {
            let others = others.into_iter();
            others
                .flat_map(|(key, value)| usual(value, is_one_of(key, LIST_KEYS)))
                .collect()
        },
        |joke| vec![joke],
    )
}

/// Whether a text is more than one word, such as `success`, or a date.
fn has_words(text: &str) -> bool {
    text.contains(char::is_alphabetic) && (!text.is_ascii() || text.trim().contains(' '))
}

/// An object that is a joke.
fn joke(map: &Map<String, Value>) -> Option<Item> {
    let find = |keys: &str| {
        let mut texts = keys.split(' ').filter_map(|key| match get(map, key)? {
            // As blogs have it.
            Value::Object(inner) => get(inner, "rendered")?.as_str(),
            value => value.as_str(),
        });
        texts.find(|text| !text.trim().is_empty())
    };
    let answer = find(SECOND_KEYS).or_else(|| find("quest").and(find("result")));
    if let (Some(first), Some(second)) = (find(FIRST_KEYS), answer) {
        return Some(Item::of(format!("{first}\n{second}")));
    }
    let content = find(JOKE_KEYS)?;
    Some(Item {
        title: find("title").unwrap_or_default().to_owned(),
        ..Item::of(content.to_owned())
    })
}

fn is_one_of(key: &str, keys: &str) -> bool {
    keys.split(' ').any(|one| key.eq_ignore_ascii_case(one))
}

/// What an answer that says that something went wrong says about it.
fn error(root: &Value) -> Option<String> {
    let map = root.as_object()?;
    let flag = |key: &str| get(map, key).and_then(Value::as_bool);
    let number = |key: &str| match get(map, key)? {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    };
    let says_error = match get(map, "error") {
        Some(Value::Bool(is_error)) => *is_error,
        Some(Value::String(error)) => !error.is_empty(),
        Some(Value::Object(_)) => true,
        _ => matches!(get(map, "errors"), Some(Value::Array(errors)) if !errors.is_empty()),
    };
    let status = ["status", "code"].map(|key| get(map, key).and_then(Value::as_str));
    let mut status = status.into_iter().flatten().map(str::to_lowercase);
    let is_error = says_error
        || [flag("success"), flag("ok"), flag("status")].contains(&Some(false))
        || status.any(|status| status.contains("err") || status.contains("fail"))
        || ERROR_KEYS
            .split(' ')
            .filter_map(number)
            .any(|code| code != 0)
        || "code status statuscode"
            .split(' ')
            .filter_map(number)
            .any(|code| !GOOD_CODES.contains(&code));
    is_error.then(|| message(root).unwrap_or_else(|| "no reason given".to_owned()))
}

/// What an answer says about itself.
pub(super) fn message(root: &Value) -> Option<String> {
    let map = root.as_object()?;
    MESSAGE_KEYS
        .split(' ')
        .find_map(|key| match get(map, key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Array(values) => message(values.first()?),
            value => message(value),
        })
}
