package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// Days of evaluations, batches, restarts and a clock that goes back give records that are one
// chain, within the caps, whatever moment they are closed at.
func TestSessionRecords(t *testing.T) {
	s := newService(t, newParties(t, func(a *linkage.Agreement) { a.Limits.AdditionsPerDay = 40 }))
	ctx := t.Context()
	tr := s.start()
	_, c := serveTLS(t, s.parties, tr)
	request := s.blinded(t, c, 0, s.phones(3)...)
	var last *linkage.SessionRecord
	done := uint64(0)
	sign := func() {
		all, err := c.Records(ctx, done)
		require.NoError(t, err)
		for i := range all {
			r := all[i]
			require.NoError(t, r.Sign(s.agreement, linkage.Receiver, s.receiver))
			require.NoError(t, r.Verify(s.agreement, last), "record %d", r.Sequence)
			require.NoError(t, c.Cosign(ctx, r))
			require.NoError(t, c.Cosign(ctx, r), "again")
			last, done = &r, r.Sequence
		}
	}
	asked := byte(0)
	for step := range 120 {
		s.at.Add(int64(step%5) * 1800)
		if step%13 == 12 {
			s.at.Add(-7200)
		}
		asked++
		_, err := c.Evaluate(ctx, 0, [16]byte{asked}, request)
		if err != nil {
			require.ErrorIs(t, err, BudgetExhausted)
		}
		if step%5 == 0 {
			require.NoError(t, tr.Cut(ctx))
		}
		if step%3 == 0 {
			require.NoError(t, tr.closeHourly(ctx))
		}
		if step%17 == 16 {
			if step%2 == 0 {
				require.NoError(t, tr.Close(ctx))
			}
			tr = s.start()
			_, c = serveTLS(t, s.parties, tr)
		}
		if step%11 == 0 {
			sign()
		}
	}
	require.NoError(t, tr.CloseRecord(ctx))
	sign()
	require.Greater(t, last.Sequence, uint64(20))
	require.Greater(t, last.Evaluated, uint64(100))

	// As lines of JSON, for whoever audits.
	var lines bytes.Buffer
	require.NoError(t, tr.Records(ctx, &lines))
	var before *linkage.SessionRecord
	for dec := json.NewDecoder(&lines); dec.More(); {
		var r linkage.SessionRecord
		require.NoError(t, dec.Decode(&r))
		require.NoError(t, r.Verify(s.agreement, before))
		before = &r
	}
	require.Equal(t, last.Sequence, before.Sequence)

	// What is not the record that is kept here is not signed.
	other := *last
	other.Evaluated--
	require.NoError(t, other.Sign(s.agreement, linkage.Transmitter, s.transmitter))
	require.NoError(t, other.Sign(s.agreement, linkage.Receiver, s.receiver))
	require.ErrorIs(t, c.Cosign(ctx, other), RecordConflict)
	forged := *last
	forged.Receiver = bytes.Clone(last.Receiver)
	forged.Receiver[0] ^= 1
	require.ErrorIs(t, c.Cosign(ctx, forged), RecordConflict)

	// Who does not sign gets nothing any more, until he does.
	for range maxUnsigned {
		require.NoError(t, tr.Cut(ctx))
		require.NoError(t, tr.CloseRecord(ctx))
	}
	s.at.Add(24 * 3600)
	_, err := c.Evaluate(ctx, 0, [16]byte{200}, request)
	require.ErrorIs(t, err, RecordsUnsigned)
	require.EqualValues(t, 1, s.alarmed(AlarmRecordsUnsigned))
	sign()
	_, err = c.Evaluate(ctx, 0, [16]byte{201}, request)
	require.NoError(t, err)
}

// Whatever fails while a base is adopted: there is a feed that is paid for, or none and nothing left.
func TestAdoptionFaults(t *testing.T) {
	p := newParties(t, func(a *linkage.Agreement) { a.Protocol = linkage.ProtocolVOLE })
	for _, before := range []bool{true, false} {
		reached := true
		for n := int64(1); reached; n++ {
			s := newService(t, p)
			f := &flaky{Store: s.store, before: before}
			s.store = f
			tr := s.start()
			_, c := serveTLS(t, p, tr)
			f.n.Store(n)
			_, failed := p.enrolBase(t.Context(), c, s.now(), s.phones(2)...)
			require.Eventually(t, func() bool { return !tr.base.running() }, time.Minute, time.Millisecond)
			reached = f.n.Load() <= 0
			f.n.Store(0)
			what := fmt.Sprintf("failure %d, before %v", n, before)
			require.Equal(t, reached, failed != nil, what)
			tr = s.start()
			heads, err := tr.heads(t.Context())
			require.NoError(t, err)
			states, err := tr.cfg.Vault.Names(p.agreement.ID.String() + "-base-")
			require.NoError(t, err)
			for _, h := range heads {
				require.Contains(t, states, tr.stateName(0, h.state), what)
			}
			// What is left of one that failed goes when it has lain for an hour.
			long := time.Now().Add(-2 * time.Hour)
			for _, name := range states {
				require.NoError(t, os.Chtimes(s.dir+"/"+name, long, long))
			}
			tr = s.start()
			states, err = tr.cfg.Vault.Names(p.agreement.ID.String() + "-base-")
			require.NoError(t, err)
			require.Len(t, states, len(heads), what)
			paid := counter{}
			require.NoError(t, s.store.View(t.Context(), func(r abuse.Reader) (err error) {
				paid, err = counted(r, tr.link, baseName(0))
				return err
			}))
			require.Equal(t, len(heads) > 0, paid.used > 0, what)
			if len(heads) > 0 {
				require.NotNil(t, tr.ready(heads[0].feed), what)
				require.NoError(t, tr.Cut(t.Context()), what)
			}
			require.True(t, failed != nil || len(heads) > 0, "a receiver that has enrolled and no feed")
			if failed != nil { // it tries again, with whichever process is there
				_, err := p.enrolBase(t.Context(), c, s.now(), s.phones(2)...)
				require.NoError(t, err, what)
				require.NoError(t, tr.Cut(t.Context()), what)
			}
		}
	}
}

func TestOptOuts(t *testing.T) {
	o := NewOptOuts(abuse.NewMemory())
	ctx := t.Context()
	is := func(account string, p linkage.Purpose) bool {
		out, err := o.OptedOut(ctx, account, p)
		require.NoError(t, err)
		return out
	}
	require.NoError(t, o.Set(ctx, "a", linkage.Analytics, true))
	require.True(t, is("a", linkage.Analytics))
	require.False(t, is("a", linkage.Product))
	require.False(t, is("b", linkage.Analytics))
	require.NoError(t, o.Set(ctx, "a", linkage.Analytics, false))
	require.False(t, is("a", linkage.Analytics))
	require.Error(t, o.Set(ctx, "", linkage.Analytics, true))
	var bad *abuse.Error
	for _, p := range []linkage.Purpose{0, linkage.Security, linkage.FraudAndAbusePrevention} {
		require.ErrorAs(t, o.Set(ctx, "a", p, true), &bad, "nobody can opt out of it")
	}
	_, err := o.OptedOut(ctx, "a", 0)
	require.Error(t, err)
}
