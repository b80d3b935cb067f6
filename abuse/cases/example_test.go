package cases_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/hashing"
)

// A signal suspends an account and is withdrawn: the step is taken back, and its origin is told how
// many were, rounded. In a service package watch calls Settle.
func ExampleDesk_Settle() {
	ctx, store := context.Background(), abuse.NewMemory()
	policy := abuse.DefaultPolicy("network.example", abuse.Live)
	desk, err := cases.New(cases.Config{
		Store:  store,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) },
		Limits: cases.Limits{PartnerDay: 50}, // and the defaults
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	signal := abuse.Signal{
		ID: uuid.MustParse("019a0000-0000-7000-8000-000000000001"), Origin: "messenger.example", Category: abuse.Phishing, Class: abuse.Confirmed,
		Confidence: 90, Severity: abuse.High, Review: abuse.ReviewHuman, FirstObserved: now.AddDate(0, 0, -2), LastObserved: now.AddDate(0, 0, -2),
		ValidUntil: now.AddDate(0, 2, 0), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1,
	}
	account := abuse.Evidence{
		Account:   "account 7",
		Sightings: []abuse.Sighting{{From: "messenger.example", Signal: signal, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}}},
		Holdings:  []abuse.Holding{{Kind: hashing.Phone, Since: now.AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}},
	}
	settle := func() (d abuse.Decision) {
		if err := store.Update(ctx, func(w abuse.Writer) (err error) {
			d, err = desk.Settle(w, account, now, true)
			return err
		}); err != nil {
			fmt.Println(err)
		}
		return d
	}
	first := settle()
	fmt.Println(first.Action, "until", first.Until.Format(time.DateOnly))

	account.Sightings, now = nil, now.Add(time.Hour) // it is withdrawn
	second := settle()
	fmt.Println(second.Action, "undoes it:", second.Undoes == first.ID)
	receipts, err := desk.Receipts(ctx, "messenger.example")
	fmt.Println(len(receipts), "receipts: the week is not over, and one alone is never told", err)
	// Output:
	// suspend until 2026-11-30
	// none undoes it: true
	// 0 receipts: the week is not over, and one alone is never told <nil>
}

// A person who has looked at a decision has the last word.
func ExampleDesk_Rule() {
	ctx, store := context.Background(), abuse.NewMemory()
	desk, err := cases.New(cases.Config{Store: store, Decide: decide})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = store.Update(ctx, func(w abuse.Writer) error {
		automatic, err := desk.Settle(w, evidence("account 7", strong(1, "messenger.example")), noon, true)
		if err != nil {
			return err
		}
		ruled, err := desk.Rule(w, automatic, cases.Ruling{Action: abuse.None, Reviewer: "h. okoye"}, noon.Add(time.Hour))
		if err != nil {
			return err
		}
		fmt.Println(ruled.Action, ruled.Automated, ruled.Reviewer, ruled.Undoes == automatic.ID)
		again, err := desk.Settle(w, evidence("account 7", strong(1, "messenger.example")), noon.Add(2*time.Hour), true)
		fmt.Println(again.Action, again.Bounds[0].Name, again.Bounds[0].Proposed)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// none false h. okoye true
	// none ruling suspend
}

// A list of identifiers that must never carry a decision holds their tokens alone.
func ExampleExempt() {
	key := hashing.NewKey() // the service's own, from its secret manager
	helpline, err := hashing.ParsePhone("+33 6 12 34 56 78", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	exempt := cases.NewExempt(key.Token(helpline))
	h := exempt.Mark(abuse.Holding{Kind: hashing.Phone, Verified: abuse.Yes, Accounts: 1}, key.Token(helpline))
	fmt.Println(h.Accounts == cases.Unbounded)
	// Output: true
}
