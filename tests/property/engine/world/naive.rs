//! The naive decision over plain structs: filter, any, all.

use interdict::model::{Mode, Nexus, Verdict};

use super::{Facts, GOODS, Item, MAKERS, Missing, Policy, Product, Rule, When, Year};

/// How sure the naive matcher is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Sure {
    Suspected,
    Certain,
}

impl Policy {
    /// The products that the item is, and how surely.
    fn products_of(&self, item: &Item) -> Vec<(usize, Sure)> {
        let vendor = item.vendor.unwrap_or("").to_lowercase();
        let in_vendor = |maker: usize| vendor.split_whitespace().any(|w| w == MAKERS[maker]);
        let in_name = |maker: usize| item.name.contains(&MAKERS[maker]);
        let named = |p: &Product| {
            p.word.is_some_and(|w| item.name.contains(&GOODS[w]))
                && p.maker.is_none_or(|m| in_vendor(m) || in_name(m))
        };
        let full_sku =
            item.sku.is_some_and(|s| s.replace(['-', ' '], "").to_uppercase().starts_with("AB123"));
        let by_sku = |p: &Product| p.sku && full_sku;
        let covered = |p: &Product| !p.exempt && (named(p) || by_sku(p));
        let any_covered = self.products.iter().any(covered);
        let exempt_makers: Vec<usize> = self
            .products
            .iter()
            .filter(|p| p.exempt && !any_covered && named(p))
            .flat_map(|p| p.maker.map_or_else(|| self.makers.clone(), |maker| vec![maker]))
            .collect();
        let other_vendor = !vendor.trim().is_empty() && !self.makers.iter().any(|m| in_vendor(*m));
        let speaks = self.makers.iter().any(|m| in_name(*m))
            || self.products.iter().any(|p| !p.exempt && named(p));
        let agree = self.products.iter().any(by_sku) && speaks;
        let mut found = Vec::new();
        for (n, p) in self.products.iter().enumerate() {
            let told = |maker: usize| {
                self.products.iter().any(|other| other.maker == Some(maker) && covered(other))
            };
            let rest = p.word.is_none()
                && p.maker.is_some_and(|m| {
                    (in_vendor(m) || in_name(m)) && !told(m) && !exempt_makers.contains(&m)
                });
            if covered(p) || rest {
                let certain = !other_vendor || agree || p.maker.is_none();
                found.push((n, if certain { Sure::Certain } else { Sure::Suspected }));
            }
        }
        for (parts, sure) in [(&item.components, Sure::Certain), (&item.suspected, Sure::Suspected)]
        {
            for part in parts {
                found.extend(self.products_of_part(part).into_iter().map(|p| (p, sure)));
            }
        }
        found
    }

    fn products_of_part(&self, part: &str) -> Vec<usize> {
        let words: Vec<&str> = part.split_whitespace().collect();
        let is_maker = |maker: usize| words.contains(&MAKERS[maker]);
        let named = |p: &Product| {
            p.word.is_some_and(|w| words.contains(&GOODS[w])) && p.maker.is_none_or(is_maker)
        };
        let covered = |p: &Product| !p.exempt && named(p);
        let any_covered = self.products.iter().any(covered);
        let excused = |maker: usize| {
            let excuses = |p: &Product| p.exempt && named(p) && p.maker.is_none_or(|m| m == maker);
            !any_covered && self.products.iter().any(excuses)
        };
        let rest = |p: &Product| {
            let told = |maker| self.products.iter().any(|o| o.maker == Some(maker) && covered(o));
            p.word.is_none() && p.maker.is_some_and(|m| is_maker(m) && !told(m) && !excused(m))
        };
        let is = |n: &usize| covered(&self.products[*n]) || rest(&self.products[*n]);
        (0..self.products.len()).filter(is).collect()
    }

    fn exempts(&self, rule: usize, facts: &Facts) -> bool {
        self.exemption.as_ref().is_some_and(|e| {
            e.rule.is_none_or(|r| r == rule)
                && e.account.is_none_or(|a| facts.account == Some(a))
                && e.from.is_none_or(|from| from <= facts.at)
                && facts.at < e.expires
        })
    }
}

impl Rule {
    /// What the rule does to an item of its product.
    fn outcome(&self, item: &Item, sure: Sure, facts: &Facts) -> Verdict {
        if facts.at < self.from || self.until.is_some_and(|until| facts.at >= until) {
            return Verdict::Allow;
        }
        if let Some((from, until)) = self.suspended
            && facts.at >= from
            && until.is_none_or(|until| facts.at < until)
        {
            return Verdict::Allow;
        }
        let mut nexus = Nexus::Foreign;
        if self.buyer {
            nexus = nexus.max(facts.buyer);
        }
        if self.seller {
            nexus = nexus.max(facts.seller);
        }
        let outcome = match nexus {
            Nexus::Us => self.us,
            Nexus::Unclear => self.unclear,
            Nexus::Foreign => Verdict::Allow,
        };
        let held = outcome.min(Verdict::Review);
        let (holds, open) = match (self.when, item.year) {
            (None, _) => (true, false),
            (Some((When::Absent(absent), _)), year) => (year.is_none() == absent, false),
            (Some((When::AtLeast(least), _)), Some(Year::Number(year))) => (year >= least, false),
            (Some((When::Below(bound), _)), Some(Year::Number(year))) => (year < bound, false),
            (Some((_, Missing::Fails)), _) => (false, false),
            (Some((_, Missing::Holds)), _) => (true, false),
            (Some((_, Missing::Review)), _) => (true, true),
        };
        match (holds, open || sure == Sure::Suspected) {
            (false, _) => Verdict::Allow,
            (true, true) => held,
            (true, false) => outcome,
        }
    }
}

/// The naive decision: the verdict, the clause that speaks, and what rules in shadow say.
pub(crate) fn decide(
    policies: &[Policy],
    items: &[Item],
    facts: &Facts,
) -> (Verdict, Option<String>, Vec<(String, Verdict)>) {
    let mut best = (Verdict::Allow, 0, None);
    let mut shadow = std::collections::BTreeMap::new();
    for (at, policy) in policies.iter().enumerate() {
        for (n, rule) in policy.rules.iter().enumerate() {
            if rule.mode == Mode::Off || !rule.actions.contains(&facts.action) {
                continue;
            }
            for item in items {
                let mut verdict = Verdict::Allow;
                for (product, sure) in policy.products_of(item) {
                    if product == rule.product && !policy.exempts(n, facts) {
                        verdict = verdict.max(rule.outcome(item, sure, facts));
                    }
                }
                // Nobody knows what it is, so no exemption is known to cover it.
                if item.is_unidentified() {
                    verdict = verdict.max(rule.outcome(item, Sure::Suspected, facts));
                }
                let clause = format!("{}/r{n}", Policy::id(at));
                if rule.mode == Mode::Shadow {
                    let old = shadow.entry(clause).or_insert(Verdict::Allow);
                    *old = verdict.max(*old);
                } else if verdict != Verdict::Allow && (verdict, rule.from) > (best.0, best.1) {
                    best = (verdict, rule.from, Some(clause));
                }
            }
        }
    }
    shadow.retain(|_, verdict| *verdict != Verdict::Allow);
    (best.0, best.2, shadow.into_iter().collect())
}
