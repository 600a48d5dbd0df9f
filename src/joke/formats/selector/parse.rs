//! Parsing of selectors, and mistakes in them.

use thiserror::Error;

use super::{super::item::is_one_of, Operator, Step};

/// Syntax of selectors; part of every error about one.
const SYNTAX: &str = "a selector is made of tag, *, .class, #id, [attr], [attr=value], \
                        [attr^=value], [attr*=value], joined by a space (anywhere inside) or > (directly inside)";

/// Names after a colon that are no XML names with a prefix, as in `content:encoded`.
const PSEUDO_CLASSES: &str = "\
    first-child last-child only-child first-of-type last-of-type only-of-type root empty link \
    visited hover active before after";

/// Operators of `[attr=value]` and the like.
const OPERATORS: [(&str, Operator); 3] = [
    ("=", Operator::Is),
    ("^=", Operator::Begins),
    ("*=", Operator::Contains),
];

/// Parses the chains of a selector, divided by commas. Inside an item, a chain may begin with `>`,
/// which means "directly inside the item".
pub(super) fn chains(text: &str, is_in_item: bool) -> Result<Vec<Vec<Step>>, SelectorError> {
    let mut cursor = Cursor { text, rest: text };
    let mut chains = vec![cursor.chain(is_in_item)?];
    while cursor.eat(',') {
        chains.push(cursor.chain(is_in_item)?);
    }
    Ok(chains)
}

/// A mistake in a selector, and its place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at character {at}: {mistake}; {SYNTAX}")]
pub(crate) struct SelectorError {
    /// Its place, in characters from 1.
    pub(crate) at: usize,
    pub(crate) mistake: Mistake,
}

/// Kinds of mistakes in a selector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Mistake {
    #[error("an element is missing")]
    NothingHere,
    #[error("{0:?} has no meaning here")]
    Unexpected(char),
    /// A pseudo-class, such as `:nth-child`.
    #[error(
        "`{0}` is not known; the browser's Copy selector gives such: leave it out, so that all \
         items match"
    )]
    PseudoClass(String),
    #[error("a name must follow {0:?}")]
    NoName(char),
    #[error("{0:?} is never closed")]
    Unclosed(char),
    /// A value is missing: an empty one is possible only after `=`, in quotes.
    #[error("a value must follow")]
    NoValue,
    /// A `>` comes first, which means "directly inside the item", in a selector for a page.
    #[error("'>' can begin only a selector inside an item")]
    LeadingChild,
}

/// A text, and the rest of it that is left to read.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Parses the steps up to a comma or the end.
    fn chain(&mut self, is_in_item: bool) -> Result<Vec<Step>, SelectorError> {
        let mut steps = Vec::new();
        loop {
            let is_apart = self.skip_whitespace() || steps.is_empty();
            let is_child = match self.peek() {
                Some('>') if steps.is_empty() && !is_in_item => {
                    return Err(self.error(Mistake::LeadingChild));
                }
                Some('>') => {
                    self.eat('>');
                    self.skip_whitespace();
                    true
                }
                None | Some(',') if !steps.is_empty() => return Ok(steps),
                Some(c) if !is_apart => return Err(self.error(Mistake::Unexpected(c))),
                _ => false,
            };
            steps.push(self.step(is_child)?);
        }
    }

    /// Parses one element: a tag or `*` first, then classes, ids and attributes.
    fn step(&mut self, is_child: bool) -> Result<Step, SelectorError> {
        let begin = self.rest.len();
        let tag = self.tag();
        if tag.is_empty() {
            self.eat('*');
        }
        let mut attributes = Vec::new();
        loop {
            attributes.push(match self.peek() {
                Some('.') => ("class".to_owned(), Operator::HasWord, self.name('.')?),
                Some('#') => ("id".to_owned(), Operator::Is, self.name('#')?),
                Some('[') => self.attribute()?,
                Some(':') => return Err(self.pseudo_class()),
                _ if self.rest.len() < begin => break,
                Some(c) => return Err(self.error(Mistake::Unexpected(c))),
                None => return Err(self.error(Mistake::NothingHere)),
            });
        }
        Ok(Step {
            is_child,
            tag,
            attributes,
        })
    }

    /// Parses a tag's name, in XML perhaps with a prefix as in `content:encoded`.
    fn tag(&mut self) -> String {
        let tag = self.take_while(is_name);
        let mut behind = *self;
        let has_prefix = !tag.is_empty() && behind.eat(':');
        let name = behind.take_while(is_name);
        let is_pseudo_class = is_one_of(name, PSEUDO_CLASSES) || behind.peek() == Some('(');
        if !has_prefix || name.is_empty() || is_pseudo_class {
            return tag.to_ascii_lowercase();
        }
        *self = behind;
        format!("{tag}:{name}").to_ascii_lowercase()
    }

    fn pseudo_class(&self) -> SelectorError {
        let mut behind = *self;
        let colons = behind.take_while(|c| c == ':');
        let name = behind.take_while(is_name);
        self.error(Mistake::PseudoClass(format!("{colons}{name}")))
    }

    fn attribute(&mut self) -> Result<(String, Operator, String), SelectorError> {
        let opened = *self;
        let name = self.name('[')?.to_ascii_lowercase();
        let (operator, value) = self.condition()?;
        match self.peek() {
            Some(']') => self.eat(']'),
            Some(c) => return Err(self.error(Mistake::Unexpected(c))),
            None => return Err(opened.error(Mistake::Unclosed('['))),
        };
        Ok((name, operator, value.to_owned()))
    }

    /// Parses the condition between an attribute's name and the bracket. Without one, the value may
    /// be any, each of which begins with nothing.
    fn condition(&mut self) -> Result<(Operator, &'a str), SelectorError> {
        self.skip_whitespace();
        let begin = |(text, operator)| Some((operator, self.rest.strip_prefix(text)?));
        let Some((operator, rest)) = OPERATORS.into_iter().find_map(begin) else {
            return Ok((Operator::Begins, ""));
        };
        self.rest = rest;
        self.skip_whitespace();
        let begin = *self;
        let quote = ['"', '\''].into_iter().find(|quote| self.eat(*quote));
        let value = match quote {
            Some(quote) => self.take_while(|c| c != quote),
            None => self.take_while(|c| c != ']').trim_end(),
        };
        if let Some(quote) = quote.filter(|quote| !self.eat(*quote)) {
            return Err(begin.error(Mistake::Unclosed(quote)));
        }
        // Only `[attr='']` may have an empty value.
        if value.is_empty() && (quote.is_none() || operator != Operator::Is) {
            return Err(begin.error(Mistake::NoValue));
        }
        self.skip_whitespace();
        Ok((operator, value))
    }

    /// Parses the mark that comes next and the name after it; after `[` there may be whitespace.
    fn name(&mut self, mark: char) -> Result<String, SelectorError> {
        let begin = *self;
        self.eat(mark);
        if mark == '[' {
            self.skip_whitespace();
        }
        match self.take_while(is_name) {
            "" => Err(begin.error(Mistake::NoName(mark))),
            name => Ok(name.to_owned()),
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Skips whitespace, and returns true if there is any.
    fn skip_whitespace(&mut self) -> bool {
        !self.take_while(char::is_whitespace).is_empty()
    }

    /// Skips a character, and returns true if it comes next.
    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn error(&self, mistake: Mistake) -> SelectorError {
        let left = self.rest.chars().count();
        SelectorError {
            at: self.text.chars().count() - left + 1,
            mistake,
        }
    }
}

/// Returns true for letters, digits, `-`, `_` and all outside ASCII; CSS allows escapes, too.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (!c.is_ascii() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;
    use crate::joke::Selector;

    fn mistake(text: &str) -> (usize, Mistake) {
        let error = Selector::for_page(text).unwrap_err();
        (error.at, error.mistake)
    }

    #[test]
    fn a_mistake_is_reported_with_its_place() {
        assert_eq!(mistake(""), (1, Mistake::NothingHere));
        assert_eq!(mistake("  "), (3, Mistake::NothingHere));
        assert_eq!(mistake("dl >"), (5, Mistake::NothingHere));
        assert_eq!(mistake("dl > > dd"), (6, Mistake::Unexpected('>')));
        assert_eq!(mistake("dl + dd"), (4, Mistake::Unexpected('+')));
        assert_eq!(mistake("dl,"), (4, Mistake::NothingHere));
        for pseudo in ["first-child", "nth-child", "hover", ":before"] {
            let expected = Mistake::PseudoClass(format!(":{pseudo}"));
            let text = format!(
                "dl:{pseudo}{}",
                if pseudo == "nth-child" { "(1)" } else { "" }
            );
            assert_eq!(mistake(&text), (3, expected));
        }
        assert_eq!(
            mistake("dl.a:b"),
            (5, Mistake::PseudoClass(":b".to_owned()))
        );
        assert_eq!(mistake("dl*"), (3, Mistake::Unexpected('*')));
        assert_eq!(mistake("笑话. x"), (3, Mistake::NoName('.')));
        assert_eq!(mistake("dl#"), (3, Mistake::NoName('#')));
        assert_eq!(mistake("dl []"), (4, Mistake::NoName('[')));
        assert_eq!(mistake("dl[a"), (3, Mistake::Unclosed('[')));
        assert_eq!(mistake("dl[a=x"), (3, Mistake::Unclosed('[')));
        assert_eq!(mistake("dl[a='x]"), (6, Mistake::Unclosed('\'')));
        assert_eq!(mistake("dl[a='x'y]"), (9, Mistake::Unexpected('y')));
        assert_eq!(mistake("dl[a~=x]"), (5, Mistake::Unexpected('~')));
        assert_eq!(mistake("dl[a$=x]"), (5, Mistake::Unexpected('$')));
        assert_eq!(mistake("dl[a=]"), (6, Mistake::NoValue));
        assert_eq!(mistake("dl[a= ]"), (7, Mistake::NoValue));
        assert_eq!(mistake("dl[a^=]"), (7, Mistake::NoValue));
        assert_eq!(mistake("dl[a*='']"), (7, Mistake::NoValue));
        assert_eq!(mistake(" > dd"), (2, Mistake::LeadingChild));
        assert_eq!(mistake("a, > b"), (4, Mistake::LeadingChild));
    }

    #[test]
    fn the_complaint_says_where_what_and_what_is_accepted() {
        assert_eq!(
            Selector::for_page("dl + dd").unwrap_err().to_string(),
            "at character 4: '+' has no meaning here; a selector is made of tag, *, .class, #id, \
             [attr], [attr=value], [attr^=value], [attr*=value], joined by a space (anywhere \
             inside) or > (directly inside)"
        );
    }

    #[test]
    fn an_empty_value_in_quotes_is_meant() {
        assert!(Selector::for_page("dl[a='']").is_ok());
    }

    #[test]
    fn spaces_around_a_selector_and_its_parts_do_not_matter() {
        let tight = Selector::for_item(">dl.x>dd [a=b]").unwrap();
        let wide = Selector::for_item("  >  dl.x  >  dd\t[ a = b ] ").unwrap();
        assert_eq!(tight.chains, wide.chains);
    }

    proptest! {
        #[test]
        fn any_text_is_a_selector_or_a_mistake_inside_it(text in "[a-z*.#>='\"^ \\[\\]笑:]{0,12}") {
            if let Err(error) = Selector::for_item(&text) {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.at));
            }
        }
    }
}
