//! Rules and exemptions.

use std::sync::Arc;

use jiff::Timestamp;
use smallvec::SmallVec;
use toml::Spanned;

use crate::model::Action;
use crate::model::RuleFacts;
use crate::model::Verdict;
use crate::policy::engine::rule::Exemption;
use crate::policy::engine::rule::InFlight;
use crate::policy::engine::rule::Rule;
use crate::policy::engine::rule::Suspension;
use crate::policy::language::source;

use super::Compiler;
use super::Scope;
use super::is_id;
use super::list;
use super::narrow;

impl Compiler {
    pub(super) fn rule(&mut self, scope: &Scope<'_>, policy: &str, rule: &source::Rule) {
        let id = rule.id.get_ref();
        if !is_id(id) {
            self.bad_id(scope.text, &rule.id);
        }
        if self
            .rules
            .iter()
            .rev()
            .take_while(|r| *r.facts.policy == *policy)
            .any(|r| *r.facts.rule == **id)
        {
            let message = format!("rule `{id}` is defined twice");
            self.fault(scope.text, rule.id.span(), message, "give each rule its own id");
        }
        let actions = self.actions(scope, rule);
        let products = self.products_of(scope, &rule.products);
        let nexus = rule.nexus.get_ref();
        if nexus.is_empty() {
            self.fault(
                scope.text,
                rule.nexus.span(),
                "a rule says whose nexus counts",
                "write [\"buyer\"], [\"seller\"] or both",
            );
        }
        let citation = rule.citation.as_deref().unwrap_or(scope.citation).trim();
        if citation.is_empty() {
            self.fault(
                scope.text,
                rule.id.span(),
                "this rule cites nothing",
                "give `citation` here or in [policy], as in \"89 FR 52434\"",
            );
        }
        if rule.message.trim().is_empty() {
            self.fault(
                scope.text,
                rule.id.span(),
                "this rule has no message",
                "say what a refused customer is to be told",
            );
        }
        let effective = self.instant(scope, &rule.effective);
        let until = self.optional_instant(scope, rule.until.as_ref());
        if let (Some(effective), Some(until), Some(span)) = (effective, until, &rule.until)
            && until <= effective
        {
            self.fault(
                scope.text,
                span.span(),
                "this rule ends before it starts",
                "`until` must be later than `effective`",
            );
        }
        let suspended = rule.suspended.as_ref().and_then(|s| self.suspension(scope, s));
        let when = rule.when.iter().filter_map(|c| self.condition(scope, c)).collect();
        let facts = RuleFacts {
            basis: rule.basis,
            citation: citation.into(),
            clause: rule.clause.get_ref().as_str().into(),
            effective: effective.unwrap_or(Timestamp::MIN),
            message: rule.message.as_str().into(),
            policy: policy.into(),
            rule: id.as_str().into(),
        };
        self.rules.push(Rule {
            actions,
            buyer: nexus.contains(&source::Party::Buyer),
            exemptions: SmallVec::new(),
            facts: Arc::new(facts),
            in_flight: match rule.in_flight {
                source::InFlight::Cut => InFlight::Cut,
                source::InFlight::Finish => InFlight::Finish,
            },
            mode: rule.mode,
            order: narrow(self.rules.len()),
            products,
            seller: nexus.contains(&source::Party::Seller),
            suspended,
            unclear: verdict(rule.unclear),
            until,
            us: verdict(rule.us),
            when,
        });
    }

    pub(super) fn actions(&mut self, scope: &Scope<'_>, rule: &source::Rule) -> Vec<Action> {
        let mut actions = Vec::new();
        for action in rule.actions.get_ref() {
            match action.get_ref().parse() {
                Ok(known) => actions.push(known),
                Err(_) => {
                    let message = format!("unknown action `{}`", action.get_ref());
                    let known = list(Action::ALL.into_iter().map(Action::as_str));
                    self.fault(scope.text, action.span(), message, format!("actions: {known}"));
                }
            }
        }
        if rule.actions.get_ref().is_empty() {
            self.fault(
                scope.text,
                rule.actions.span(),
                "this rule can never apply",
                "name at least one action",
            );
        }
        actions
    }

    pub(super) fn products_of(
        &mut self,
        scope: &Scope<'_>,
        products: &Spanned<Vec<Spanned<String>>>,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        for product in products.get_ref() {
            let at = self.by_id.get(product.get_ref().as_str()).copied();
            let here = at
                .and_then(|at| self.products.get(usize::try_from(at).ok()?))
                .filter(|p| p.policy == scope.policy);
            let (message, help) = match (at, here) {
                (Some(at), Some(p)) if !p.exempt => {
                    found.push(at);
                    continue;
                }
                (_, Some(_)) => (
                    format!("`{}` is exempt", product.get_ref()),
                    "rules name covered products; exempt ones are left alone".to_owned(),
                ),
                (_, None) => {
                    let known =
                        self.products.iter().filter(|p| p.policy == scope.policy && !p.exempt);
                    let known = list(known.map(|p| &*p.id));
                    (
                        format!("unknown product `{}`", product.get_ref()),
                        format!("covered products here: {known}"),
                    )
                }
            };
            self.fault(scope.text, product.span(), message, help);
        }
        if products.get_ref().is_empty() {
            self.fault(
                scope.text,
                products.span(),
                "this rule can never apply",
                "name at least one product",
            );
        }
        found
    }

    pub(super) fn suspension(
        &mut self,
        scope: &Scope<'_>,
        s: &source::Suspension,
    ) -> Option<Suspension> {
        let from = self.instant(scope, &s.from)?;
        let until = self.optional_instant(scope, s.until.as_ref());
        if let (Some(until), Some(span)) = (until, &s.until)
            && until <= from
        {
            self.fault(
                scope.text,
                span.span(),
                "this suspension ends before it starts",
                "`until` must be later than `from`",
            );
        }
        Some(Suspension { by: s.by.as_str().into(), from, reason: s.reason.as_str().into(), until })
    }

    pub(super) fn exemption(
        &mut self,
        scope: &Scope<'_>,
        first_rule: usize,
        e: &source::Exemption,
    ) {
        let id = e.id.get_ref();
        if e.authorisation.get_ref().trim().is_empty() {
            self.fault(
                scope.text,
                e.authorisation.span(),
                "an exemption rests on an authorisation",
                "write the licence or ruling it rests on",
            );
        }
        if e.rules.is_empty() && e.products.is_empty() && e.accounts.is_empty() {
            self.fault(
                scope.text,
                e.id.span(),
                "this exemption has no scope",
                "name `rules`, `products` or `accounts`",
            );
        }
        let Some(expires) = self.instant(scope, &e.expires) else { return };
        let from = self.optional_instant(scope, e.from.as_ref());
        let products = Spanned::new(e.id.span(), e.products.clone());
        let products =
            if e.products.is_empty() { Vec::new() } else { self.products_of(scope, &products) };
        let at = narrow(self.exemptions.len());
        for name in &e.rules {
            let known = self.rules.get(first_rule..).unwrap_or_default();
            if !known.iter().any(|rule| *rule.facts.rule == **name.get_ref()) {
                let known = list(known.iter().map(|rule| &*rule.facts.rule));
                let message = format!("unknown rule `{}`", name.get_ref());
                self.fault(scope.text, name.span(), message, format!("rules here: {known}"));
            }
        }
        for rule in self.rules.iter_mut().skip(first_rule) {
            if e.rules.is_empty() || e.rules.iter().any(|name| **name.get_ref() == *rule.facts.rule)
            {
                rule.exemptions.push(at);
            }
        }
        self.exemptions.push(Exemption {
            accounts: e.accounts.iter().map(|a| a.as_str().into()).collect(),
            authorisation: e.authorisation.get_ref().as_str().into(),
            expires,
            from,
            id: id.as_str().into(),
            products,
            reason: e.reason.as_str().into(),
        });
    }
}

const fn verdict(outcome: source::Outcome) -> Verdict {
    match outcome {
        source::Outcome::Allow => Verdict::Allow,
        source::Outcome::Block => Verdict::Block,
        source::Outcome::Review => Verdict::Review,
    }
}
