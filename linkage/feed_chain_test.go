package linkage_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// A feed that was complete stays so, and one that is final has ended.
func TestNothingFollowsWhatIsFinal(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(), nil)
	cut := func(last linkage.Tip, complete, final bool) *linkage.Batch {
		data, _, err := d.sealer.Batch(linkage.BatchHeader{Number: last.Number + 1, Previous: last.Digest,
			Time: feedStart.Add(time.Duration(last.Number) * time.Minute), Complete: complete, Final: final}, nil, 0)
		require.NoError(t, err)
		b, err := linkage.ParseBatch(d.Agreement, data)
		require.NoError(t, err)
		return b
	}
	follows := func(last linkage.Tip, b *linkage.Batch) (code linkage.Code) {
		if err := b.Follows(d.sealer.Feed(), last); err != nil {
			require.True(t, errors.As(err, &code))
		}
		return code
	}
	for _, was := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		first := cut(linkage.Tip{}, was[0], was[1])
		require.Zero(t, follows(linkage.Tip{}, first))
		last := first.Tip()
		require.Equal(t, linkage.Tip{Number: 1, Digest: first.Digest(), Time: feedStart, Complete: was[0], Final: was[1]}, last)
		for _, is := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
			var want linkage.Code
			switch {
			case was[1]:
				want = linkage.ErrOrder
			case was[0] && !is[0]:
				want = linkage.ErrRecord
			}
			require.Equal(t, want, follows(last, cut(last, is[0], is[1])), fmt.Sprint(was, is))
		}
	}
}

// A record is for the feed that it was sealed for, and no other sealer takes it: in another feed it
// could not be told from padding.
func TestRecordOfAnotherFeed(t *testing.T) {
	p := linkagetest.NewParties(inBulk)
	d, again := onDuty(t, p, nil), onDuty(t, p, nil) // two bases of one epoch
	live, err := linkage.NewSealer(p.TransmitterConfig(), nil)
	require.NoError(t, err)
	cfg := p.TransmitterConfig()
	cfg.Now = p.Agreement.EpochStart(d.epoch + 1)
	next, err := linkage.NewSealer(cfg, nil)
	require.NoError(t, err)
	cfg = p.TransmitterConfig()
	cfg.Key = hashing.NewKey()
	lost, err := linkage.NewSealer(cfg, nil)
	require.NoError(t, err)
	require.Equal(t, live.Feed(), lost.Feed(), "one name, another key")
	same, err := linkage.NewSealer(p.TransmitterConfig(), nil)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		from, to *linkage.Sealer
		good     bool
	}{
		"its own":           {d.sealer, d.sealer, true},
		"after a restart":   {same, live, true},
		"another base":      {again.sealer, d.sealer, false},
		"without the base":  {live, d.sealer, false},
		"with a base":       {d.sealer, live, false},
		"the epoch after":   {next, live, false},
		"under another key": {lost, live, false},
	} {
		epoch := d.epoch
		if c.from == next {
			epoch++
		}
		k := linkage.NewKeeper(p.Agreement, epoch, hashing.NewKey())
		about, err := c.from.Values(k, phone(t, 1))
		require.NoError(t, err)
		for _, op := range []linkage.Operation{linkage.Add, linkage.Revise, linkage.Retract} {
			of := []linkage.About{about}
			if op == linkage.Retract {
				of = nil
			}
			r, err := c.from.Record(k, op, uuid.New(), 1, nil, of)
			require.NoError(t, err)
			data, _, err := c.to.Batch(linkage.BatchHeader{Number: 1, Time: feedStart}, []linkage.Sealed{r}, 3)
			if c.good {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorIs(t, err, linkage.ErrInput, name)
			require.ErrorContains(t, err, "another feed")
			require.Nil(t, data)
		}
	}
	_, _, err = live.Batch(linkage.BatchHeader{Number: 1, Time: feedStart}, make([]linkage.Sealed, 1), 0)
	require.ErrorIs(t, err, linkage.ErrInput, "the zero Sealed")
	require.Equal(t, "linkage.Sealed", fmt.Sprintf("%#v", linkage.Sealed{}))
}

// What feeds of an agreement have in common of one signal, and what they have not: PROTOCOL.md, section 15.
func TestSignalInSeveralFeeds(t *testing.T) {
	id := phone(t, 1)
	p := linkagetest.NewParties(inBulk)
	account := []linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{id}}}
	first, again := onDuty(t, p, account), onDuty(t, p, account)
	cfg := p.TransmitterConfig()
	cfg.Now = p.Agreement.EpochStart(first.epoch + 1)
	next, err := linkage.NewSealer(cfg, nil)
	require.NoError(t, err)

	signal, label := uuid.New(), []byte("label")
	record := func(s *linkage.Sealer, epoch uint32, op linkage.Operation, nth uint16) linkage.Record {
		k := linkage.NewKeeper(p.Agreement, epoch, hashing.NewKey())
		about, err := s.Values(k, id)
		require.NoError(t, err)
		about.Nth = nth
		r, err := s.Record(k, op, signal, 7, label, []linkage.About{about})
		require.NoError(t, err)
		h := linkage.BatchHeader{Number: 1, Time: p.Agreement.EpochStart(epoch)}
		data, _, err := s.Batch(h, []linkage.Sealed{r}, 0)
		require.NoError(t, err)
		b, err := linkage.ParseBatch(p.Agreement, data)
		require.NoError(t, err)
		return b.Record(0)
	}
	one := record(first.sealer, first.epoch, linkage.Revise, 3)
	other := record(again.sealer, first.epoch, linkage.Add, 3)
	elsewhere := record(again.sealer, first.epoch, linkage.Add, 0)
	later := record(next, first.epoch+1, linkage.Add, 3)

	require.Equal(t, other.Alias(), elsewhere.Alias(), "one in a feed, whatever the number")
	for _, pair := range [][2]linkage.Record{{one, other}, {one, later}, {other, later}} {
		require.NotEqual(t, pair[0].Alias(), pair[1].Alias())
		require.NotEqual(t, pair[0].Wrap(0, 0), pair[1].Wrap(0, 0))
		require.NotEqual(t, pair[0].Label(), pair[1].Label())
	}
	require.Equal(t, one.Tag(0, 0), other.Tag(0, 0), "one live generation")
	require.NotEqual(t, one.Tag(0, 0), elsewhere.Tag(0, 0), "another number")
	require.NotEqual(t, one.Tag(0, 0), later.Tag(0, 0), "another epoch")
	require.NotEqual(t, one.Tag(0, 1), other.Tag(0, 1), "another base")

	// Who was enrolled one by one, once, opens what is in every feed of the epoch: the same.
	k := linkage.NewKeeper(p.Agreement, first.epoch, hashing.NewKey())
	kept := first.evaluate(t, k, id)[0]
	for _, at := range []struct {
		r   linkage.Record
		nth int
	}{{one, 3}, {other, 3}, {elsewhere, 0}} {
		require.Equal(t, k.Nth(kept, at.nth).Tag, k.Tag(at.r.Tag(0, 0)))
		o, err := k.Open(kept, at.nth, 0, 0, at.r)
		require.NoError(t, err)
		require.Equal(t, linkage.Opened{Signal: signal, Label: label}, o)
		require.EqualValues(t, 7, at.r.Sequence())
	}
	_, err = k.Open(kept, 3, 0, 0, later)
	require.ErrorIs(t, err, linkage.ErrRecord)
}
