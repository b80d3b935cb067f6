package cases_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// A decision is put before a person, who takes it back; the partner's card learns of it.
func ExampleHearings() {
	ctx := context.Background()
	store := abuse.NewMemory()
	clock := func() time.Time { return session }
	policy := abuse.DefaultPolicy("social", abuse.Live)
	desk, err := cases.New(cases.Config{Store: store, Clock: clock,
		Decide: func(e abuse.Evidence, now time.Time) abuse.Decision { return abuse.Decide(e, policy, now) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	hearings, err := cases.NewHearings(cases.HearingsConfig{Desk: desk, Self: "social", Clock: clock,
		Key: make([]byte, 32)}) // from a secret manager
	if err != nil {
		fmt.Println(err)
		return
	}
	settle := hearings.Around(desk.Settle) // goes into the DeciderConfig of package watch, which does what follows
	err = store.Update(ctx, func(w abuse.Writer) error {
		d, err := settle(w, brought("boris", alleged(1, "messenger")), session, true)
		if err != nil {
			return err
		}
		return cases.Record(w, d)
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	queue, err := hearings.Queue(ctx, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range queue {
		fmt.Println(c.Kind, "of", c.Decision.Account+":", c.Decision.Action, "due", c.Due.Format(time.DateOnly))
		if c, err = hearings.Claim(ctx, c.ID, "Agatha"); err != nil {
			fmt.Println(err)
			return
		}
		d, err := hearings.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha",
			Outcome: cases.Overturned, Ground: cases.WrongSignal})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Action, "by", d.Reviewer+":", d.Reason)
	}
	card, err := hearings.Card(ctx, "messenger")
	fmt.Println(card, err)
	// Output:
	// review of boris: suspend due 2026-11-26
	// none by Agatha: A person looked at it and took the step (suspend) back: what was said of the account is not true.
	// messenger: 0 of 1 right, 0.00 (0.00 to 0.79), weight 0.95 <nil>
}

func ExampleWilson() {
	low, high := cases.Wilson(19, 20, 1.96)
	fmt.Printf("%.2f to %.2f\n", low, high)
	// Output: 0.76 to 0.99
}
