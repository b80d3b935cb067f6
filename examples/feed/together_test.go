package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
	"github.com/hueandcry/hueandcry/linkage"
)

// Two receivers on one database, each checking accounts while both follow the feed: every signal about
// somebody here is found, by the sign-up or by the feed, and handed on once.
func TestTogether(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			o := &options{epochDays: 300, protocol: linkage.ProtocolEC, seed: 5, dir: t.TempDir(), at: start.Unix()}
			w, err := newWorld(o)
			require.NoError(t, err)
			address := "sqlite:" + filepath.Join(o.dir, "receiver.sqlite")
			if kind == "postgres" {
				address = abusetest.Postgres(t)
			}
			begin := func(role, address string) service {
				store, err := sqlstore.Open(ctx, address)
				require.NoError(t, err)
				mine := *o
				var s service
				if role == roleTransmitter {
					s, err = newTransmitter(ctx, w, &mine, store)
				} else {
					s, err = newReceiver(ctx, w, &mine, store)
				}
				require.NoError(t, err)
				t.Cleanup(func() { _ = s.close(context.WithoutCancel(ctx)) })
				return s
			}
			tr := begin(roleTransmitter, "sqlite:"+filepath.Join(o.dir, "transmitter.sqlite"))
			var now time.Time
			do := func(s service, req request) reply {
				req.At = now.Unix()
				out, err := s.do(ctx, req)
				if err != nil {
					t.Error(req.Op, err)
				}
				return out
			}
			now = start
			at := do(tr, request{Op: "address"}).Address
			first := begin(roleReceiver, address)
			do(first, request{Op: "base", Address: at})
			second := begin(roleReceiver, address)
			var want []string
			people := 0
			for round := range 6 {
				now = now.Add(time.Hour)
				var say []saying
				for n := range 16 {
					s := saying{Signal: 100*round + n, About: 8*round + n, Revision: 1, First: now.Unix(), Until: now.AddDate(0, 1, 0).Unix()}
					say = append(say, s)
					if s.About < 12*6 {
						want = append(want, matchLine(receiverAccount(s.About), s.id(), 1))
					}
				}
				do(tr, request{Op: "say", Say: say})
				do(tr, request{Op: "cut"})
				var all sync.WaitGroup
				for i, r := range []service{first, second} {
					for n := range 3 {
						all.Go(func() { do(r, request{Op: "check", Address: at, First: people + 6*i + 2*n, Count: 2}) })
					}
					all.Go(func() {
						do(r, request{Op: "follow"})
						do(r, request{Op: "decide"})
					})
					if i == 0 {
						do(second, request{Op: "status", Address: at}) // knows the address before it is asked by several
					}
				}
				all.Wait()
				people += 12
			}
			do(first, request{Op: "follow"})
			do(first, request{Op: "decide"})
			seen := map[string]string{}
			var got []string
			for _, r := range []service{first, second} {
				for _, h := range r.(*receiver).inbox.all {
					line := matchLine(h.Account, h.Signal, h.Sequence)
					if id, ok := seen[line]; ok {
						require.Equal(t, id, h.ID.String(), "handed on twice")
						continue
					}
					require.Equal(t, "matched", h.Change)
					seen[line] = h.ID.String()
					got = append(got, line)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			require.Equal(t, want, got, fmt.Sprint(people))
		})
	}
}
