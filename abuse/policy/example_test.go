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
	d := rules.Decide(e, now)
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

// Where only the step is asked for, Evaluate is the faster way to it.
func ExampleSet_Evaluate() {
	o := policy.Default().Evaluate(one(), now)
	fmt.Println(o.Action, o.Rule, o.Until.Sub(now), o.Mode)
	// Output:
	// suspend suspend_confirmed 168h0m0s background
}
