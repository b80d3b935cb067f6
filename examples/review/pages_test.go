package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// An appeal is on its page, however many reviews are due before it.
func TestAppealsBehindReviews(t *testing.T) {
	b := newBrowser(t)
	ctx := context.Background()
	w := &world{office: b.office, clock: &worldClock{}, r: seeded(t), now: time.Now().UTC()}
	w.made = 1000
	var d abuse.Decision
	for n, origins := 0, []string{"bank.example", "market.example", "messenger.example", "mail.example", "shop.example"}; n < shownCases+20; n++ {
		w.clock.put(w.now.AddDate(0, 0, -n/40)) // within what is done in a day
		var err error
		d, err = w.decide(ctx, fmt.Sprint("many-", 'a'+n), w.signal(origins[n%5]))
		require.NoError(t, err)
	}
	require.Greater(t, len(b.queue()), shownCases)
	appeal, err := b.office.hearings.Open(ctx, d.Account, d.ID)
	require.NoError(t, err)
	require.Greater(t, indexOf(b.queue(), appeal), shownCases)
	_, body := b.get("/appeals")
	require.Contains(t, body, "/case/"+appeal.ID.String())
}

func indexOf(all []cases.Case, one cases.Case) int {
	for i := range all {
		if all[i].ID == one.ID {
			return i
		}
	}
	return -1
}
