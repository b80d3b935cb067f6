package policy_test

import (
	"fmt"
	"testing/fstest"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/policy"
)

// A service writes its own rules, tries one of them in the background, and asks
// for a reason in the language of the account's holder.
func Example() {
	files := fstest.MapFS{"rules.yaml": {Data: []byte(`
schema: 1
name: own_rules
rules:
  - id: suspend_many
    version: 1
    status: background
    when: signal.reports >= 10 && match.phone
    action: suspend
    for: 7d
  - id: limit_reported
    version: 4
    status: live
    when: |
      signal.confidence >= 60
      && signal.reports + (own.known ? own.reports : 0) >= 15
    action: limit
    for: 7d
    reasons:
      en: "Limited for {days} days: {origin} reported {category}."
      fr: "Limité pour {days} jours : {origin} a signalé {category}."
`)}}
	rules, err := policy.Load(files, "rules.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err = rules.With(policy.Options{Self: "social", Mode: abuse.Live})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := one() // a signal with 14 reports
	e.Own = abuse.Own{Reports: 2}
	d := rules.Explain(e, now)
	fmt.Println(d.Reason)
	fmt.Println(rules.Reason(d, "fr-CA"))
	for _, l := range d.Explanation.Rules[0].Leaves {
		fmt.Println(" ", l)
	}
	for _, r := range d.Explanation.Background {
		fmt.Println("in the background:", r.Rule, r.Met)
	}
	// Output:
	// Limited for 7 days: messenger reported phishing.
	// Limité pour 7 jours : messenger a signalé phishing.
	//   category: yes
	//   step disable, asked limit: yes
	//   signal.confidence >= 60 (signal.confidence = 85): yes
	//   signal.reports + (own.known ? own.reports : 0) >= 15 (signal.reports = 14, own.known = true, own.reports = 2): yes
	// in the background: suspend_many yes
}

// An error says where it is.
func ExampleParse() {
	_, err := policy.Parse("rules.yaml", []byte(`
schema: 1
name: own_rules
rules:
  - id: limit_reported
    version: 1
    status: live
    when: >
      signal.confidence >= 60
      && signal.report >= 2
    action: limit
    for: 7d
`))
	fmt.Println(err)
	// Output:
	// policy: rules.yaml:10:16: in the condition: undeclared reference to 'signal.report' (did you mean 'signal.reports'?)
}

// A service decides at once, keeps the decision beside the evidence, and explains
// it when somebody asks, under the same id.
func ExampleSet_Decide() {
	rules := policy.Default()
	d := rules.Decide(one(), now)
	fmt.Println(d.Action, "by", d.Rule, "version", d.Version, "for", d.Until.Sub(d.At), "in the", d.Mode)
	fmt.Println("carried by", d.Signals)

	explained := rules.Explain(one(), d.At)
	fmt.Println(explained.ID == d.ID)
	fmt.Println(explained.Reason)
	// Output:
	// suspend by suspend_confirmed version 1 for 168h0m0s in the background
	// carried by [019a0000-0000-7000-8000-000000000001]
	// true
	// Would be suspended for 7 days because messenger confirmed phishing (confidence 85, severity high, 14 reports) about the phone number that this account has held since before the reports.
}
