//! The text of a selector, and what can be wrong in it.

use thiserror::Error;

use super::{Link, Selector, Step, Test, Value};

/// What a selector may be made of; part of every error about one.
const SYNTAX: &str = "a selector is made of tag, *, .class, #id, [attr], [attr=value], \
                        [attr^=value], [attr*=value], joined by a space (anywhere inside) or > (directly inside)";

/// Parses a selector; a `>` at its beginning means "directly inside whatever it is looked for in".
pub(super) fn selector(text: &str) -> Result<Selector, SelectorError> {
    Cursor { rest: text, at: 1 }.selector()
}

/// Where a selector is wrong, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at character {at}: {mistake}; {SYNTAX}")]
pub(crate) struct SelectorError {
    /// The place of the mistake, in characters, from 1.
    pub(crate) at: usize,
    /// The mistake.
    pub(crate) mistake: Mistake,
}

/// What can be wrong in a selector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Mistake {
    /// There is no element to look for, here or at all.
    #[error("an element is missing")]
    NothingHere,
    /// This character has no meaning here.
    #[error("{0:?} has no meaning here")]
    Unexpected(char),
    /// After `.`, `#` or `[` a name must follow.
    #[error("a name must follow {0:?}")]
    NoName(char),
    /// A `[` or a quote is never closed.
    #[error("{0:?} is never closed")]
    Unclosed(char),
    /// `^=` and `*=` with nothing after them would match every element or none, `=` needs quotes
    /// to mean it.
    #[error("a value must follow")]
    NoValue,
    /// A `>` at the beginning means "directly inside the item", and here is no item.
    #[error("'>' can begin only a selector inside an item")]
    LeadingChild,
}

/// What is left of the text, and where it begins, in characters from 1.
struct Cursor<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn selector(mut self) -> Result<Selector, SelectorError> {
        self.skip_whitespace();
        let mut link = match self.peek() {
            Some('>') => self.child(),
            _ => Link::Descendant,
        };
        let mut steps = Vec::new();
        loop {
            let tests = self.tests()?;
            steps.push(Step { link, tests });
            let spaces = self.skip_whitespace();
            link = match self.peek() {
                None => return Ok(Selector { steps }),
                Some('>') => self.child(),
                Some(_) if spaces => Link::Descendant,
                Some(c) => return Err(self.error(Mistake::Unexpected(c))),
            }
        }
    }

    /// The `>` that comes next, and the spaces after it.
    fn child(&mut self) -> Link {
        self.skip();
        self.skip_whitespace();
        Link::Child
    }

    /// The tests of one element: a tag or `*` first, then classes, ids and attributes.
    fn tests(&mut self) -> Result<Vec<Test>, SelectorError> {
        let begin = self.at;
        let mut tests = Vec::new();
        let tag = self.take_while(is_name);
        if !tag.is_empty() {
            tests.push(Test::Tag(tag.to_ascii_lowercase()));
        } else if self.peek() == Some('*') {
            self.skip();
        }
        loop {
            let test = match self.peek() {
                Some('.') => Test::Class(self.name('.')?.to_owned()),
                Some('#') => Test::Attr("id".to_owned(), Value::Is(self.name('#')?.to_owned())),
                Some('[') => self.attribute()?,
                _ if self.at > begin => return Ok(tests),
                Some(c) => return Err(self.error(Mistake::Unexpected(c))),
                None => return Err(self.error(Mistake::NothingHere)),
            };
            tests.push(test);
        }
    }

    fn attribute(&mut self) -> Result<Test, SelectorError> {
        let opened = self.at;
        let name = self.name('[')?.to_ascii_lowercase();
        self.skip_whitespace();
        let value = self.wanted_value()?;
        self.skip_whitespace();
        match self.peek() {
            Some(']') => {
                self.skip();
                Ok(Test::Attr(name, value))
            }
            Some(c) => Err(self.error(Mistake::Unexpected(c))),
            None => Err(error(opened, Mistake::Unclosed('['))),
        }
    }

    /// What stands between an attribute's name and the bracket.
    fn wanted_value(&mut self) -> Result<Value, SelectorError> {
        let make = if self.eat("=") {
            Value::Is
        } else if self.eat("^=") {
            Value::Begins
        } else if self.eat("*=") {
            Value::Contains
        } else {
            return Ok(Value::Any);
        };
        self.skip_whitespace();
        let at = self.at;
        // Only `[attr='']` can mean it.
        let bare = self.peek() == Some(']');
        match make(self.text()?.to_owned()) {
            Value::Begins(text) | Value::Contains(text) if text.is_empty() => {
                Err(error(at, Mistake::NoValue))
            }
            Value::Is(_) if bare => Err(error(at, Mistake::NoValue)),
            value => Ok(value),
        }
    }

    /// A text in quotes, or up to the bracket.
    fn text(&mut self) -> Result<&'a str, SelectorError> {
        let Some(quote @ ('"' | '\'')) = self.peek() else {
            return Ok(self.take_while(|c| c != ']').trim_end());
        };
        let opened = self.at;
        self.skip();
        let text = self.take_while(|c| c != quote);
        if self.peek().is_none() {
            return Err(error(opened, Mistake::Unclosed(quote)));
        }
        self.skip();
        Ok(text)
    }

    /// The name after the `mark` that comes next; spaces may stand between in brackets.
    fn name(&mut self, mark: char) -> Result<&'a str, SelectorError> {
        let at = self.at;
        self.skip();
        if mark == '[' {
            self.skip_whitespace();
        }
        match self.take_while(is_name) {
            "" => Err(error(at, Mistake::NoName(mark))),
            name => Ok(name),
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Goes past the next character.
    fn skip(&mut self) {
        let mut chars = self.rest.chars();
        if chars.next().is_some() {
            self.rest = chars.as_str();
            self.at += 1;
        }
    }

    /// Goes past spaces; whether there were any.
    fn skip_whitespace(&mut self) -> bool {
        !self.take_while(char::is_whitespace).is_empty()
    }

    /// Goes past `text` if it comes next.
    fn eat(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else {
            return false;
        };
        self.rest = rest;
        self.at += text.chars().count();
        true
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.at += taken.chars().count();
        taken
    }

    fn error(&self, mistake: Mistake) -> SelectorError {
        error(self.at, mistake)
    }
}

fn error(at: usize, mistake: Mistake) -> SelectorError {
    SelectorError { at, mistake }
}

/// Letters, digits, `-`, `_` and everything outside ASCII, as in CSS but for escapes.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (!c.is_ascii() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

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
        assert_eq!(mistake("dl, dd"), (3, Mistake::Unexpected(',')));
        assert_eq!(mistake("dl:first-child"), (3, Mistake::Unexpected(':')));
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
        assert_eq!(tight, wide);
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
