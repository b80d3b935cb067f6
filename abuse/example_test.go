package abuse_test

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// The messenger says that an account of its own sends malicious links. Here the
// telephone number has matched that of account a-17.
func ExampleDecide() {
	said := abuse.Signal{
		ID: uuid.MustParse("019a0000-0000-7000-8000-000000000001"), Origin: "messenger",
		Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 92, Severity: abuse.High,
		Review: abuse.ReviewAutomatic, Reports: 14,
		FirstObserved: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
		LastObserved:  time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC),
		ValidUntil:    time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC),
		Permitted:     abuse.PermitDirect, ActionTaken: abuse.Disable, Revision: 1,
	}
	label, err := said.MarshalBinary()
	if err != nil {
		fmt.Println(err)
		return
	}

	// As the linkage package gives it to the receiver.
	match := linkage.Match{Account: "a-17", Signals: []linkage.MatchedSignal{
		{ID: said.ID, Sequence: 1, Kinds: []hashing.Kind{hashing.Phone}, Label: label}}}

	policy := abuse.DefaultPolicy("social", abuse.Live)
	now := time.Date(2026, 2, 5, 9, 0, 0, 0, time.UTC)
	for _, since := range []time.Time{
		time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), // long before the reports
		time.Date(2026, 2, 4, 0, 0, 0, 0, time.UTC), // after them: the number was given out again
		{}, // nobody knows
	} {
		evidence, err := abuse.NewEvidence("messenger", match,
			abuse.Holding{Kind: hashing.Phone, Since: since, Verified: abuse.Yes, Accounts: 1})
		if err != nil {
			fmt.Println(err)
		}
		decision := abuse.Decide(evidence, policy, now)
		fmt.Printf("%v: %s\n", decision.Action, decision.Reason)
	}
	// Output:
	// suspend: Suspended for 7 days because messenger confirmed phishing (confidence 92, severity high, 14 reports) about the phone number that this account has held since before the reports.
	// none: No step taken: the phone number came to this account on 2026-02-04, after the reports of 2026-02-03, so they are about its former holder.
	// friction: Extra checks for 7 days because messenger confirmed phishing (confidence 92, severity high, 14 reports) about a phone number of this account; it goes no further because it is not known whether this account held the phone number before the reports.
}

// A policy of one's own is a change of the default, checked once.
func ExamplePolicy_Validate() {
	policy := abuse.DefaultPolicy("social", abuse.Background)
	policy.PhoneAccounts = 2
	policy.Rules = policy.Rules[2:] // never disable
	fmt.Println(policy.Validate())

	policy.Rules[0].For = 0
	fmt.Println(policy.Validate())
	// Output:
	// <nil>
	// abuse: policy rules[0] must last a second to 366 days: longer needs a person
}

// Unknown is not false: it stays open until it is known.
func ExampleTruth_And() {
	fmt.Println(abuse.Yes.And(abuse.Unknown), abuse.No.And(abuse.Unknown), abuse.Yes.Or(abuse.Unknown))
	// Output: unknown no yes
}

// The ladder compares.
func ExampleParseAction() {
	action, err := abuse.ParseAction("suspend")
	fmt.Println(action > abuse.Limit, err)
	// Output: true <nil>
}
