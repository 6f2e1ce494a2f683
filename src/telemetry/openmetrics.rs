//! The families in OpenMetrics' text format, version 1.0, with exemplars; the prometheus crate writes the older one alone.
//!
//! **Standard.** OpenMetrics 1.0.0: counters' families are named without `_total`, which their samples have; a family whose name ends
//! with its unit says so; families of constant facts (`_info`) are of type `info`; `le` is a canonical number; the text ends with
//! `# EOF`. Timestamps are seconds. The labels of an exemplar have at most 128 characters together.

use std::fmt::Write;

use prometheus::proto::LabelPair;
use prometheus::proto::Metric;
use prometheus::proto::MetricFamily;
use prometheus::proto::MetricType;

use super::exemplars::Exemplar;

/// Units that names end with.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// Exemplars of the families that have some.
pub(super) trait Exemplars {
    /// Of a counter's child, by the family's name in the registry and the values of its labels in the order of their names.
    fn of_counter(&self, family: &str, labels: &[&str]) -> Option<Exemplar>;

    /// Of a histogram's bucket, by its position; that of `+Inf` is the last.
    fn of_bucket(&self, family: &str, bucket: usize) -> Option<Exemplar>;
}

/// The whole text.
pub(super) fn encode(families: &[MetricFamily], exemplars: &impl Exemplars) -> String {
    let mut out = String::with_capacity(16 << 10);
    for family in families {
        Family { exemplars, family, out: &mut out }.write();
    }
    out.push_str("# EOF\n");
    out
}

struct Family<'a, E> {
    exemplars: &'a E,
    family: &'a MetricFamily,
    out: &'a mut String,
}

impl<E: Exemplars> Family<'_, E> {
    fn write(&mut self) {
        let (family, name) = (self.family, self.family.name());
        let without = |suffix| name.strip_suffix(suffix).unwrap_or(name);
        match family.get_field_type() {
            MetricType::COUNTER => {
                let base = without("_total");
                self.head(base, "counter");
                for metric in family.get_metric() {
                    let labels = labels(metric);
                    let values: Vec<&str> =
                        metric.get_label().iter().map(LabelPair::value).collect();
                    let exemplar = self.exemplars.of_counter(name, &values);
                    let value = number(metric.get_counter().get_value());
                    self.sample(base, "_total", &labels, &value, exemplar);
                }
            }
            MetricType::GAUGE if name.ends_with("_info") => {
                let base = without("_info");
                self.head(base, "info");
                for metric in family.get_metric() {
                    self.sample(base, "_info", &labels(metric), "1", None);
                }
            }
            MetricType::GAUGE => {
                self.head(name, "gauge");
                for metric in family.get_metric() {
                    let value = number(metric.get_gauge().get_value());
                    self.sample(name, "", &labels(metric), &value, None);
                }
            }
            MetricType::HISTOGRAM => {
                self.head(name, "histogram");
                for metric in family.get_metric() {
                    self.histogram(name, metric);
                }
            }
            // None of ours is one.
            MetricType::SUMMARY | MetricType::UNTYPED => {}
        }
    }

    fn head(&mut self, name: &str, kind: &str) {
        let out = &mut *self.out;
        push(out, format_args!("# TYPE {name} {kind}\n"));
        let is_unit =
            |unit: &&&str| name.strip_suffix(**unit).is_some_and(|rest| rest.ends_with('_'));
        if let Some(unit) = UNITS.iter().find(is_unit) {
            push(out, format_args!("# UNIT {name} {unit}\n"));
        }
        push(out, format_args!("# HELP {name} "));
        escape(self.family.help(), out);
        out.push('\n');
    }

    fn histogram(&mut self, name: &str, metric: &Metric) {
        let histogram = metric.get_histogram();
        let labels = labels(metric);
        let separator = if labels.is_empty() { "" } else { "," };
        let count = histogram.get_sample_count().to_string();
        let finite = histogram.get_bucket().iter().filter(|b| b.upper_bound().is_finite());
        let finite = finite.map(|b| (canonical(b.upper_bound()), b.cumulative_count().to_string()));
        let buckets = finite.chain([("+Inf".to_owned(), count.clone())]);
        for (position, (bound, count)) in buckets.enumerate() {
            let labels = format!("{labels}{separator}le=\"{bound}\"");
            let exemplar = self.exemplars.of_bucket(name, position);
            self.sample(name, "_bucket", &labels, &count, exemplar);
        }
        self.sample(name, "_count", &labels, &count, None);
        self.sample(name, "_sum", &labels, &number(histogram.get_sample_sum()), None);
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &str,
        value: &str,
        exemplar: Option<Exemplar>,
    ) {
        let out = &mut *self.out;
        push(out, format_args!("{name}{suffix}"));
        if !labels.is_empty() {
            push(out, format_args!("{{{labels}}}"));
        }
        push(out, format_args!(" {value}"));
        if let Some(Exemplar { at, id, value }) = exemplar {
            let (seconds, millis) = (at.as_second(), at.subsec_millisecond());
            // `decision_id` and a UUID are 47 characters of 128.
            push(out, format_args!(" # {{decision_id=\"{id}\"}} {} ", number(value)));
            push(out, format_args!("{seconds}.{millis:03}"));
        }
        out.push('\n');
    }
}

/// A string takes whatever is written to it.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).ok();
}

/// The labels as they stand between the braces.
fn labels(metric: &Metric) -> String {
    let mut text = String::new();
    for label in metric.get_label() {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(label.name());
        text.push_str("=\"");
        escape(label.value(), &mut text);
        text.push('"');
    }
    text
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

/// A value: the shortest that reads as the same number.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// A canonical number: `1.0`, `0.0001`, `1e-05`, `1e+06`; so that a bucket has one name whoever writes it.
fn canonical(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return number(value) };
    let Ok(exponent) = exponent.parse::<i32>() else { return number(value) };
    if value == 0.0 || (-4..6).contains(&exponent) {
        let plain = value.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::super::family::counters;
    use super::super::family::gauges;
    use super::super::family::histograms;
    use super::*;
    use crate::model::DecisionId;
    use jiff::Timestamp;

    struct Some1(DecisionId);

    impl Exemplars for Some1 {
        fn of_counter(&self, family: &str, labels: &[&str]) -> Option<Exemplar> {
            let at = Timestamp::from_millisecond(1_520_879_607_007).unwrap();
            (family == "decisions_total" && labels == ["a\"\\\n", "block"]).then_some(Exemplar {
                at,
                id: self.0,
                value: 1.0,
            })
        }

        fn of_bucket(&self, family: &str, bucket: usize) -> Option<Exemplar> {
            let at = Timestamp::from_second(1_520_879_607).unwrap();
            (family == "took_seconds" && bucket == 2).then_some(Exemplar {
                at,
                id: self.0,
                value: 0.5,
            })
        }
    }

    #[test]
    fn families_are_written_as_the_standard_has_them() {
        let r = Registry::new();
        let decisions =
            counters(&r, "decisions_total", "A \"help\" \\ of\ntwo lines.", &["verdict", "a"])
                .unwrap();
        decisions.with_label_values(&["block", "a\"\\\n"]).inc_by(3);
        decisions.with_label_values(&["allow", "b"]).inc();
        gauges(&r, "policy_info", "H.", &["r"]).unwrap().with_label_values(&["x"]).set(1);
        gauges(&r, "free_bytes", "H.", &[]).unwrap().with_label_values::<&str>(&[]).set(-7);
        let took = histograms(&r, "took_seconds", "H.", &[0.000_01, 1.0], &["u"]).unwrap();
        took.with_label_values(&["s"]).observe(0.5);
        let id = DecisionId::new(Timestamp::UNIX_EPOCH);
        let text = encode(&r.gather(), &Some1(id));
        let expected = format!(
            r#"# TYPE decisions counter
# HELP decisions A \"help\" \\ of\ntwo lines.
decisions_total{{a="a\"\\\n",verdict="block"}} 3 # {{decision_id="{id}"}} 1 1520879607.007
decisions_total{{a="b",verdict="allow"}} 1
# TYPE free_bytes gauge
# UNIT free_bytes bytes
# HELP free_bytes H.
free_bytes -7
# TYPE policy info
# HELP policy H.
policy_info{{r="x"}} 1
# TYPE took_seconds histogram
# UNIT took_seconds seconds
# HELP took_seconds H.
took_seconds_bucket{{u="s",le="1e-05"}} 0
took_seconds_bucket{{u="s",le="1.0"}} 1
took_seconds_bucket{{u="s",le="+Inf"}} 1 # {{decision_id="{id}"}} 0.5 1520879607.000
took_seconds_count{{u="s"}} 1
took_seconds_sum{{u="s"}} 0.5
# EOF
"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn bounds_are_canonical_numbers() {
        for (value, text) in [
            (0.000_000_5, "5e-07"),
            (0.000_012_5, "1.25e-05"),
            (0.000_1, "0.0001"),
            (0.005, "0.005"),
            (2.5, "2.5"),
            (30.0, "30.0"),
            (0.0, "0.0"),
            (100_000.0, "100000.0"),
            (1_000_000.0, "1e+06"),
        ] {
            assert_eq!(canonical(value), text);
        }
        assert_eq!(
            [f64::NAN, f64::INFINITY, -1e21].map(number),
            ["NaN", "+Inf", "-1000000000000000000000"]
        );
    }
}
