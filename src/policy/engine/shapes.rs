//! SKU patterns, found by the literal text that all their matches begin with, so that thousands cost what a few do.

use regex::Regex;

/// Patterns over folded SKUs, in a tree of their beginnings.
#[derive(Clone, Debug)]
pub(crate) struct SkuShapes {
    /// The first is the root, where patterns without a literal beginning lie.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Where each next byte leads; sorted.
    edges: Vec<(u8, usize)>,
    shapes: Vec<(Regex, u32)>,
}

impl Default for SkuShapes {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl SkuShapes {
    /// Adds a pattern of a product; every match of it begins with `start`.
    pub(crate) fn add(&mut self, start: &[u8], regex: Regex, product: u32) {
        let mut at = 0;
        for byte in start {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = match node.edges.binary_search_by_key(byte, |(b, _)| *b) {
                Ok(edge) => node.edges.get(edge).map_or(0, |(_, next)| *next),
                Err(edge) => {
                    node.edges.insert(edge, (*byte, fresh));
                    self.nodes.push(Node::default());
                    fresh
                }
            };
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.shapes.push((regex, product));
        }
    }

    /// Calls `found` with the product of every pattern that matches `sku`.
    pub(crate) fn each(&self, sku: &str, mut found: impl FnMut(u32)) {
        let mut node = self.nodes.first();
        let mut rest = sku.bytes();
        while let Some(here) = node {
            for (_, product) in here.shapes.iter().filter(|(regex, _)| regex.is_match(sku)) {
                found(*product);
            }
            node = rest.next().and_then(|byte| {
                let edge = here.edges.binary_search_by_key(&byte, |(b, _)| *b).ok()?;
                self.nodes.get(here.edges.get(edge)?.1)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_by_every_beginning_and_by_none() {
        let mut shapes = SkuShapes::default();
        let patterns = ["AB[0-9]", "ABC", "A", "", "AB[0-9]{2}", "X|Y", "ABCD"];
        let starts = ["AB", "ABC", "A", "", "AB", "", "ABCD"];
        for ((pattern, start), product) in patterns.iter().zip(starts).zip(0..) {
            let regex = Regex::new(&format!("^(?:{pattern})")).unwrap();
            shapes.add(start.as_bytes(), regex, product);
        }
        for sku in ["", "A", "AB", "AB1", "AB12", "ABC", "ABCDE", "X", "Y1", "BA", "ÄB"] {
            let mut found = Vec::new();
            shapes.each(sku, |product| found.push(product));
            found.sort_unstable();
            let naive = patterns.iter().zip(0..).filter(|(pattern, _)| {
                Regex::new(&format!("^(?:{pattern})")).unwrap().is_match(sku)
            });
            assert_eq!(found, naive.map(|(_, product)| product).collect::<Vec<u32>>(), "{sku}");
        }
    }
}
