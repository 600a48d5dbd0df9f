//! Jokes in JSON, as APIs send them.

use serde_json::{Deserializer, Map, Value};

use super::{
    Layout, PageError,
    item::{Item, Truncation, is_one_of, is_question},
    selector::Selector,
};

/// Keys of a joke in the answers of APIs.
const JOKE_KEYS: &str = "\
    full_text fulltext fullcontent joke content text duanzi value body selftext xiaohua neirong joke_content jokecontent \
    joke_text joketext content_html content_text 笑话 内容 段子";

/// Keys of the two parts of a joke.
const FIRST_KEYS: &str = "\
    setup buildup question quest riddle timu 问题 谜面 text_head joke content text title";
const SECOND_KEYS: &str = "\
    punchline delivery answer selftext reveal daan 答案 谜底 text_hidden";

/// Keys whose texts are jokes, alone or in a list.
const LIST_KEYS: &str = "\
    data result results list newslist items jokes rows records res contents message_list";

/// Keys beside jokes whose values are not searched for jokes.
const OTHER_KEYS: &str = "\
    error errors comment comments reply replies user users author ad ads tags meta links category categories";

/// Keys of an API's message about its answer.
const MESSAGE_KEYS: &str = "\
    msg message reason errmsg error_msg error errors info description detail showapi_res_error";

type IsError = fn(&Value) -> bool;

/// Keys, each with the values that leave no doubt of an error, whatever else is in an answer.
const ERRORS: [(&str, IsError); 7] = [
    ("error", is_error),
    ("errors", |errors| errors.is_array() && is_filled(errors)),
    ("status code", names_failure),
    ("type state result", names_error),
    (
        "success ok issuccess is_success isok succeed succ status result",
        is_false,
    ),
    ("success ok issuccess is_success", |flag| {
        number(flag) == Some(0)
    }),
    (CODE_KEYS, |code| {
        number(code).is_some_and(|code| code < 0 || (400..600).contains(&code))
    }),
];

/// Keys of numbers that are 0 if all is well, or 200.
const ERROR_KEYS: &str = "\
    error_code errno err_no err errcode errorcode retcode ret_code showapi_res_code";

/// Keys of numbers that [`is_success`] judges.
const CODE_KEYS: &str = "\
    code status statuscode status_code ret resultcode result_code \
    rescode returncode http_code httpstatus";

/// Values of `error` if there is none, one of them empty.
const GOOD_ERRORS: &str = " 0 false none null ok success";

/// Parses a body of JSON, or of several values, as an array; `None` if it does not look like it.
pub(super) fn parse(text: &str, is_called_json: bool) -> Option<Result<Value, serde_json::Error>> {
    let text = without_callback(text.trim()).unwrap_or(text);
    if !is_called_json && !looks_like_json(text) {
        // Unlike `"a"`, a text such as `"a" and "b"` is no JSON.
        return parse_string(text).map(|text| Ok(Value::String(text)));
    }
    let values = parse_all(text).or_else(|error| parse_all(&with_escapes(text)).map_err(|_| error));
    Some(values.map(|values| match <[Value; 1]>::try_from(values) {
        Ok([only]) => only,
        Err(values) => Value::Array(values),
    }))
}

fn looks_like_json(text: &str) -> bool {
    let mut begin = text.chars().filter(|c| !c.is_whitespace());
    matches!(
        (begin.next(), begin.next()),
        (Some('{'), Some('"' | '}')) | (Some('['), Some('"' | '{' | '[' | ']'))
    )
}

/// Returns the text of a JSON string if there is nothing else.
pub(super) fn parse_string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

fn parse_all(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    Deserializer::from_str(text).into_iter().collect()
}

/// Returns the argument of a call as in JSONP, `show({…});`.
fn without_callback(text: &str) -> Option<&str> {
    let (name, argument) = text.trim_start_matches("/**/").split_once('(')?;
    let argument = argument.trim_end_matches([';', ' ']).strip_suffix(')')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_$.".contains(c);
    (name.chars().all(is_name) && looks_like_json(argument)).then_some(argument)
}

/// Repairs JSON with raw line ends in its texts; other control characters become spaces.
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

/// Returns the items in a value; without selectors, what looks like a joke.
pub(super) fn items(root: &Value, layout: &Layout) -> Result<Vec<Item>, PageError> {
    if root.as_object().is_some_and(reports_error) {
        let message = message(root).unwrap_or_else(|| "no reason given".to_owned());
        return Err(PageError::ApiError(message));
    }
    let items = match (&layout.item, &layout.content) {
        (None, None) => jokes_in(root, root.is_string()),
        (None, Some(content)) => at_paths(root, content, layout.title.as_ref()),
        (Some(item), _) => {
            let paths = item.paths().into_iter();
            let values = paths.flat_map(|path| follow(root, &path));
            values.flat_map(|value| read_items(value, layout)).collect()
        }
    };
    if !items.is_empty() {
        return Ok(items);
    }
    let selector = layout.item.as_ref().or(layout.content.as_ref());
    Err(match (message(root), selector) {
        (Some(message), _) if layout.item.is_none() => PageError::ApiError(message),
        (_, Some(selector)) => PageError::NoPath(selector.text.clone()),
        (_, None) => PageError::NoUsualPath,
    })
}

/// Returns the URLs at the paths of a selector.
pub(super) fn links(root: &Value, selector: &Selector) -> Vec<String> {
    texts(root, &selector.paths())
}

/// Reads the items in a value by the selectors of content and title.
fn read_items(value: &Value, layout: &Layout) -> Vec<Item> {
    let mut items = match &layout.content {
        Some(content) => vec![Item::of(joined(value, &content.paths()))],
        None => jokes_in(value, true),
    };
    if let Some(title) = &layout.title {
        for item in &mut items {
            item.title = joined(value, &title.paths());
        }
    }
    items
}

/// Joins the texts at the ends of paths; none if the only one is a question whose answer is
/// missing.
fn joined(value: &Value, paths: &[Vec<&str>]) -> String {
    match texts(value, paths).as_slice() {
        [only] if paths.len() > 1 && is_question(only) => String::new(),
        texts => texts.join("\n"),
    }
}

fn texts(value: &Value, paths: &[Vec<&str>]) -> Vec<String> {
    let found = paths.iter().flat_map(|path| follow(value, path));
    found.filter_map(text).collect()
}

/// Returns a text, which may be that of a number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the values at a path, of an array each element. In an array, a number picks an element;
/// another key is looked up in each: `data.text` leads to both texts of
/// `{"data":[{"text":"a"},{"text":"b"}]}`.
fn follow<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    let index = path.first().and_then(|key| key.parse::<usize>().ok());
    if let (Some(values), None) = (as_list(value), index) {
        let values = values.into_iter();
        return values.flat_map(|value| follow(value, path)).collect();
    }
    let Some((key, rest)) = path.split_first() else {
        return vec![value];
    };
    let next = match value {
        Value::Array(values) => index.and_then(|index| values.get(index)),
        Value::Object(map) => get(map, key),
        _ => None,
    };
    next.map_or_else(Vec::new, |value| follow(value, rest))
}

/// Returns the values of an array, or of an object with numeric keys, as scripts write arrays.
fn as_list(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(values) => Some(values.iter().collect()),
        Value::Object(map) => {
            let is_list = !map.is_empty() && map.keys().all(|key| key.parse::<u32>().is_ok());
            is_list.then(|| map.values().collect())
        }
        _ => None,
    }
}

/// Returns the value of a key, which may differ in case.
#[inline(never)]
fn get<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    let in_any_case = || map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    map.get(key).or_else(|| Some(in_any_case()?.1))
}

/// Returns the jokes at paths from the root. `data.setup,data.punchline` are fields of one object,
/// so each object in `data` is a joke; paths such as `a.x,b.y` make one joke together.
fn at_paths(root: &Value, content: &Selector, title: Option<&Selector>) -> Vec<Item> {
    let mut content = content.paths();
    let mut title = title.map(Selector::paths).unwrap_or_default();
    if content.len() == 1 && title.is_empty() {
        // Each text in a list is a joke.
        return texts(root, &content).into_iter().map(Item::of).collect();
    }
    let paths = content.iter().chain(&title);
    let mut parents = paths.filter_map(|path| Some(path.split_last()?.1));
    let parent = match parents.next() {
        Some(parent) if parents.all(|other| other == parent) => parent.to_vec(),
        _ => Vec::new(),
    };
    for path in content.iter_mut().chain(&mut title) {
        path.drain(..parent.len());
    }
    let item = |object| Item {
        title: joined(object, &title),
        ..Item::of(joined(object, &content))
    };
    follow(root, &parent).into_iter().map(item).collect()
}

/// Finds the jokes in an answer without selectors. A text is one only where `is_joke` is set.
fn jokes_in(value: &Value, is_joke: bool) -> Vec<Item> {
    match (as_list(value), value) {
        (_, Value::String(text)) => match parse(text, false) {
            Some(Ok(Value::String(_))) | None if is_joke && has_several_words(text) => {
                vec![Item::of(text.clone())]
            }
            Some(Ok(value)) if !value.is_string() => jokes_in(&value, true),
            _ => Vec::new(),
        },
        (Some(values), _) => {
            let is_joke = is_joke || values.iter().all(|value| value.is_string());
            let read = |value| match read_pair(value) {
                Some(joke) => vec![joke],
                None => jokes_in(value, is_joke),
            };
            values.into_iter().flat_map(read).collect()
        }
        (None, Value::Object(map)) => jokes_in_object(map),
        _ => Vec::new(),
    }
}

/// Finds the jokes in an object: in its lists, else itself, else in its other values.
fn jokes_in_object(map: &Map<String, Value>) -> Vec<Item> {
    let is_list = |key: &str| is_one_of(key, LIST_KEYS);
    let values = map.iter().filter(|(key, _)| !is_one_of(key, OTHER_KEYS));
    let (lists, others): (Vec<_>, Vec<_>) =
        values.partition(|(key, value)| is_list(key) && !value.is_string());
    let lists = lists.into_iter();
    let in_lists: Vec<Item> = lists.flat_map(|(_, list)| jokes_in(list, true)).collect();
    if !in_lists.is_empty() {
        return in_lists;
    }
    if let Some(joke) = read_joke(map) {
        return vec![joke];
    }
    let others = others.into_iter();
    others
        .flat_map(|(key, value)| jokes_in(value, is_list(key)))
        .collect()
}

/// Returns true for a text of more than one word; a date or `success` is none.
fn has_several_words(text: &str) -> bool {
    text.contains(char::is_alphabetic) && (!text.is_ascii() || text.trim().contains(' '))
}

/// Reads an object as a joke, if it has the keys of one.
fn read_joke(map: &Map<String, Value>) -> Option<Item> {
    let find = |keys| {
        let mut texts = values_of(map, keys).filter_map(|value| match value {
            // As in the answers of WordPress.
            Value::Object(inner) => get(inner, "rendered")?.as_str(),
            value => value.as_str(),
        });
        texts.find(|text| !text.trim().is_empty())
    };
    if let Some(joke) = values_of(map, JOKE_KEYS).find_map(read_pair) {
        return Some(joke);
    }
    let answer = find(SECOND_KEYS).or_else(|| find("quest").and(find("result")));
    if let (Some(first), Some(second)) = (find(FIRST_KEYS), answer) {
        return Some(Item::of(format!("{first}\n{second}")));
    }
    let content = find(JOKE_KEYS)?;
    let is_cut = values_of(map, "truncated islongtext").any(|value| value.as_bool() == Some(true));
    Some(Item {
        truncation: if is_cut {
            Truncation::Certain
        } else {
            Truncation::No
        },
        title: find("title").unwrap_or_default().to_owned(),
        ..Item::of(content.to_owned())
    })
}

/// Reads a list of a question and its answer as a joke.
fn read_pair(value: &Value) -> Option<Item> {
    let [asked, said] = value.as_array()?.as_slice() else {
        return None;
    };
    let (asked, said) = (asked.as_str()?, said.as_str()?);
    let is_pair = is_question(asked) && !is_question(said);
    is_pair.then(|| Item::of(format!("{asked}\n{said}")))
}

/// Returns true for an answer that reports an error.
fn reports_error(map: &Map<String, Value>) -> bool {
    let numbers = |keys| values_of(map, keys).filter_map(number);
    // A code that is not known means nothing beside data.
    let is_unknown = numbers(ERROR_KEYS).any(|code| code != 0 && code != 200)
        || numbers(CODE_KEYS).any(|code| !is_success(code));
    let has_data = values_of(map, LIST_KEYS).any(is_filled);
    let mut errors = ERRORS.iter();
    errors.any(|(keys, is_error)| values_of(map, keys).any(is_error)) || is_unknown && !has_data
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Array(values) => !values.is_empty(),
        Value::Object(values) => !values.is_empty(),
        _ => false,
    }
}

fn is_error(error: &Value) -> bool {
    match error {
        Value::Bool(is_error) => *is_error,
        Value::String(error) => !is_one_of(error.trim(), GOOD_ERRORS),
        Value::Object(error) => !error.is_empty() && get(error, "code").and_then(number) != Some(0),
        Value::Number(error) => error.as_i64().is_some_and(|error| error != 0),
        _ => false,
    }
}

fn is_false(flag: &Value) -> bool {
    let is_no = |flag: &str| is_one_of(flag, "false no");
    flag.as_bool() == Some(false) || flag.as_str().is_some_and(is_no)
}

/// For the value of a status, which may be anything: `error`, `FAILED`, `err_timeout`.
fn names_failure(state: &Value) -> bool {
    let state = state.as_str().unwrap_or_default().to_lowercase();
    state.starts_with("err") || state.ends_with("error") || state.contains("fail")
}

/// For the name of a type, of which most are not about errors: `error`, `QueryException`.
fn names_error(kind: &Value) -> bool {
    let name = kind.as_str().unwrap_or_default();
    is_one_of(name, "error fail failure") || name.ends_with("Exception")
}

/// Returns the values of keys, those that there are.
fn values_of<'v>(map: &'v Map<String, Value>, keys: &'v str) -> impl Iterator<Item = &'v Value> {
    keys.split(' ').filter_map(|key| get(map, key))
}

/// Returns a number, which may be in a text.
fn number(value: &Value) -> Option<i64> {
    text(value)?.trim().parse().ok()
}

/// Returns true for a code that reports success, as seen in the wild: 0, 1, 100, 2xx, or a 1 or 2
/// before zeros.
fn is_success(code: i64) -> bool {
    let digits = code.to_string();
    (200..300).contains(&code) || ["", "1", "2"].contains(&digits.trim_end_matches('0'))
}

/// Returns the message in an answer, whatever it reports.
pub(super) fn message(root: &Value) -> Option<String> {
    values_of(root.as_object()?, MESSAGE_KEYS).find_map(|value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(values) => message(values.first()?),
        value => message(value),
    })
}
