//! A common interface to the elements of HTML and XML.

use std::iter;

use select::node::Node;

use super::limits::original_name;

/// Nesting levels of a page at most; browsers stop at 512 as well.
pub(super) const MAX_DEPTH: usize = 512;

/// An element, or another node of a document.
pub(super) trait Element: Copy {
    fn parent(&self) -> Option<Self>;
    fn index(&self) -> usize;
    /// Returns true for an element of this name, which is in lower case.
    fn is_called(&self, name: &str) -> bool;
    fn is_element(&self) -> bool;
    fn attribute(&self, name: &str) -> Option<&str>;
}

impl Element for Node<'_> {
    fn parent(&self) -> Option<Self> {
        Node::parent(self)
    }

    fn index(&self) -> usize {
        Node::index(self)
    }

    fn is_called(&self, name: &str) -> bool {
        self::name(self) == name
    }

    fn is_element(&self) -> bool {
        self.name().is_some()
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attr(name)
    }
}

/// Returns the name of an element of HTML; nothing for other nodes.
pub(super) fn name<'a>(node: &Node<'a>) -> &'a str {
    original_name(node.name().unwrap_or_default())
}

impl Element for roxmltree::Node<'_, '_> {
    fn parent(&self) -> Option<Self> {
        roxmltree::Node::parent(self)
    }

    fn index(&self) -> usize {
        self.id().get_usize()
    }

    /// Compares the name alone, or with its prefix if `name` has one, as in `content:encoded`.
    fn is_called(&self, name: &str) -> bool {
        let (prefix, local) = name.rsplit_once(':').unwrap_or(("", name));
        let own = self.tag_name();
        let own_prefix = || own.namespace().and_then(|uri| self.lookup_prefix(uri));
        let has_prefix = || own_prefix().is_some_and(|own| own.eq_ignore_ascii_case(prefix));
        own.name().eq_ignore_ascii_case(local) && (prefix.is_empty() || has_prefix())
    }

    fn is_element(&self) -> bool {
        roxmltree::Node::is_element(self)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        roxmltree::Node::attribute(self, name)
    }
}

/// Drops elements that are inside an earlier one, so that no text is told twice.
pub(super) fn outermost<E: Element>(mut elements: Vec<E>) -> Vec<E> {
    let mut last = None;
    elements.retain(|element| {
        let mut around = iter::successors(element.parent(), E::parent);
        let is_inside = around.any(|parent| Some(parent.index()) == last);
        if !is_inside {
            last = Some(element.index());
        }
        !is_inside
    });
    elements
}

/// Returns true if elements are nested too deeply. Parents come before their children in a
/// document, so one pass is enough.
pub(super) fn is_too_deep<E: Element>(mut all: impl Iterator<Item = E>) -> bool {
    let mut depths: Vec<usize> = Vec::new();
    all.any(|element| {
        let parent = element.parent();
        let depth = parent.and_then(|parent| depths.get(parent.index()));
        let depth = depth.map_or(1, |depth| depth + 1);
        depths.push(depth);
        depth > MAX_DEPTH
    })
}
