//! Detects tables and programs, which are not read for jokes.

use super::item::{is_one_of, without_beginning};

/// Names of fields in tables and programs, of which some hold jokes.
const FIELDS: &str = "\
    id question joke jokes content text body title setup punchline delivery category type tags \
    score error safe lang rating 笑话 内容 标题";

/// Beginnings of lines, and ends, that are those of a program or of YAML.
const CODE_BEGINS: &str = "insert into |var |const |module.|export ";
const CODE_ENDS: &str = "\",|',|\"),|'),|\");|');|},|],|{|[|};|];";

/// Bytes of the name of a field at most.
const MAX_NAME_BYTES: usize = 30;

/// Returns true for a table below a row of its fields, in which commas or tabs divide the columns,
/// and for a program or YAML.
pub(super) fn is_data(text: &str) -> bool {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_code = |line: &str| {
        let line = line.to_lowercase();
        let field = line.strip_prefix("- ").unwrap_or(&line).split_once(':');
        // `joke: Why did …` is a line of speech: the value of a field is in quotes, or a bool.
        let is_field = field.is_some_and(|(name, value)| {
            let value = value.trim_start();
            let is_value = value.starts_with('"') || is_one_of(value, "true false");
            is_one_of(name, FIELDS) && (line.starts_with("- ") || is_value)
        });
        is_field
            || without_beginning(&line, CODE_BEGINS).is_some()
            || CODE_ENDS.split('|').any(|end| line.ends_with(end))
    };
    let first = lines().next().unwrap_or_default();
    let second = lines().nth(1).unwrap_or_default();
    let is_divided = |separator: char| first.contains(separator) && second.contains(separator);
    let mut fields = first
        .split([',', '\t'])
        .map(|field| field.trim_matches(['"', ' ']));
    let has_name = fields.clone().any(|field| is_one_of(field, FIELDS));
    let is_field = |field: &str| (1..=MAX_NAME_BYTES).contains(&field.len());
    let is_table = (is_divided(',') || is_divided('\t')) && has_name && fields.all(is_field);
    let is_column = is_one_of(first, FIELDS) && second.starts_with('"');
    is_table || is_column || lines().filter(|line| is_code(line)).count() * 2 >= lines().count()
}
