package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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
	for n, origins := 0, []string{"bank.example", "post.example", "messenger.example", "mail.example", "shop.example"}; n < shownCases+20; n++ {
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

// The scorecards move decisions: a partner who was often wrong goes less far than others by the same.
func TestScorecardsCount(t *testing.T) {
	b := newBrowser(t)
	w := &world{office: b.office, clock: &worldClock{}, r: seeded(t), now: time.Now().UTC()}
	w.made = 1000
	w.clock.put(w.now)
	for _, origin := range []string{"market.example", "messenger.example"} {
		s := w.signal(origin)
		d, err := w.decide(t.Context(), "by-"+origin, s)
		require.NoError(t, err)
		require.Equal(t, origin == "market.example", d.Action < abuse.Suspend, d.Action)
	}
}

// Who had the other case about a decision sees where it was answered.
func TestAnsweredInOther(t *testing.T) {
	b := newBrowser(t)
	h := b.office.hearings
	appeals, err := h.Appeals(t.Context(), 10)
	require.NoError(t, err)
	n := slices.IndexFunc(appeals, func(c cases.Case) bool { return c.Kind == cases.Appeal })
	appeal, err := h.Claim(t.Context(), appeals[n].ID, "Agatha")
	require.NoError(t, err)
	_, err = h.Resolve(t.Context(), appeal.ID, cases.Resolution{Version: appeal.Version, Reviewer: "Agatha", Outcome: cases.Upheld})
	require.NoError(t, err)
	all, err := h.Of(t.Context(), appeal.Decision.Account, 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, c := range all {
		status, body := b.get(caseURL(c.ID, ""))
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, c.Kind == cases.Review, strings.Contains(body, `/case/`+appeal.ID.String()+`">the other case`))
		require.NotContains(t, body, "Your answer")
	}
}

func indexOf(all []cases.Case, one cases.Case) int {
	for i := range all {
		if all[i].ID == one.ID {
			return i
		}
	}
	return -1
}

// What is withheld is so in the sentences of a rule's template too, in all that the page of a case has,
// also where a person's decision quotes them.
func TestReferenceInReason(t *testing.T) {
	b := newBrowser(t)
	ctx := context.Background()
	const number, other = "+33612345678", "member-17"
	require.NotContains(t, showDecision(abuse.Decision{ID: uuid.New(), Account: number, Undo: "ask about " + number}).Undo, number)
	require.Contains(t, showDecision(abuse.Decision{ID: uuid.New(), Account: other, Reason: "as " + other}).Reason, other)

	var err error
	b.office.desk, err = cases.New(cases.Config{Store: b.office.store, Decide: func(e abuse.Evidence, now time.Time) abuse.Decision {
		d := abuse.Decide(e, abuse.DefaultPolicy("social.example", abuse.Live), now)
		d.Reason, d.Undo = "Somebody spoke of "+e.Account+".", "Write to "+e.Account+"."
		return d
	}})
	require.NoError(t, err)
	b.office.hearings, err = cases.NewHearings(cases.HearingsConfig{Desk: b.office.desk, Self: "social.example", Key: make([]byte, 32)})
	require.NoError(t, err)
	w := &world{office: b.office, clock: &worldClock{}, r: seeded(t), now: time.Now().UTC()}
	w.made = 1000
	d, err := w.decide(ctx, number, w.signal("bank.example"))
	require.NoError(t, err)
	require.Contains(t, d.Reason, number)
	i := slices.IndexFunc(b.queue(), func(c cases.Case) bool { return c.Decision.ID == d.ID })
	c, err := b.office.hearings.Claim(ctx, b.queue()[i].ID, "Agatha")
	require.NoError(t, err)
	upheld, err := b.office.hearings.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Upheld})
	require.NoError(t, err)
	appeal, err := b.office.hearings.Open(ctx, number, upheld.ID)
	require.NoError(t, err)
	for _, id := range []uuid.UUID{c.ID, appeal.ID} {
		status, body := b.get("/case/" + id.String())
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, "Somebody spoke of "+withheld)
		require.NotContains(t, body, "33612345678")
	}
}

// One row that is damaged is in the log and keeps nobody from work.
func TestDamagedRow(t *testing.T) {
	b := newBrowser(t)
	all := b.queue()
	require.NoError(t, b.office.store.Update(t.Context(), func(w abuse.Writer) error {
		return errors.Join(w.Put(abuse.Cases, append([]byte("r"), all[0].ID[:]...), []byte("{")),
			w.Put(abuse.Feedback, slices.Concat([]byte("\x0cbank.example"), make([]byte, 16)), []byte("?")))
	}))
	for _, path := range []string{"/queue", "/appeals", "/partners", "/figures", caseURL(all[1].ID, "")} {
		status, body := b.get(path)
		require.Equal(t, http.StatusOK, status, path)
		if path == "/queue" {
			require.Contains(t, body, all[1].ID.String())
		}
	}
	require.Contains(t, b.log.String(), "a row is left out")
	status, _ := b.get(caseURL(all[0].ID, ""))
	require.Equal(t, http.StatusInternalServerError, status)
}
