package linkage_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// Under an agreement on tags alone the receiver learns which accounts are meant, and
// nothing is said: not how many signals there are, nor which of them is which.
func TestTagsAlone(t *testing.T) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) { tagsAlone(t, protocol) })
	}
}

func tagsAlone(t *testing.T, protocol string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	p := linkagetest.NewParties(func(a *linkage.Agreement) { a.Protocol, a.LabelBytes, a.Limits.SignalsPerIdentifier = protocol, 0, 256 })
	matched := 0
	for _, s := range [][3]int{{0, 0, 1}, {0, 5, 3}, {5, 0, 3}, {1, 1, 1}, {30, 30, 5}, {300, 90, 500}, {r.IntN(60), r.IntN(60), 1 + r.IntN(90)}} {
		w := newWorld(t, r, s[0], s[1], s[2])
		flagged := map[hashing.Identifier]bool{}
		for i := range w.signals {
			w.signals[i].Label = nil
			for _, id := range w.signals[i].Identifiers {
				flagged[id] = true
			}
		}
		o := runPlain(t, p, w)
		require.NoError(t, o.errTransmit)
		require.NoError(t, o.errReceiver)
		require.Equal(t, linkagetest.JoinTags(w.accounts, w.signals), append([]linkage.Match(nil), o.matches...))
		for _, m := range o.matches {
			require.Len(t, m.Signals, 1)
			require.Nil(t, m.Signals[0].Label)
			require.Zero(t, m.Signals[0].ID)
			require.Zero(t, m.Signals[0].Sequence)
		}
		matched += len(o.matches)
		require.Equal(t, len(flagged), o.receiver.Records, "one record an identifier, however many signals")
		require.Equal(t, len(flagged), o.transmitter.Records)
	}
	require.Positive(t, matched)

	_, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice([]linkage.Flagged{{
		ID: uuid.UUID{1}, Identifiers: []hashing.Identifier{phone(t, 1)}, Label: []byte("x")}}))
	var l *linkage.LimitError
	require.ErrorAs(t, err, &l)
	require.Equal(t, linkage.LimitError{Limit: "LabelBytes", Max: 0, Got: 1}, *l)
	require.ErrorIs(t, err, linkage.ErrLimit)
}

// A summary says where the time went, and a publication's is in that of each of its
// sessions.
func TestStages(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 5)), 20, 20, 20)
	o := runPlain(t, linkagetest.NewParties(), w)
	requireJoin(t, w, o)
	for _, c := range []struct {
		sum  linkage.Summary
		want []string
	}{
		{o.receiver, []string{"closing", "collect", "enrolment", "lookup", "opening", "records"}},
		{o.transmitter, []string{"closing", "collect", "enrolment", "opening", "records", "seal"}},
	} {
		require.Equal(t, c.want, slices.Sorted(maps.Keys(c.sum.Stages)))
		for stage, took := range c.sum.Stages {
			require.GreaterOrEqual(t, took, time.Duration(0), stage)
			require.Less(t, took, 10*time.Minute, stage)
		}
	}
}
