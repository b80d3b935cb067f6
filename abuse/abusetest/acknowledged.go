package abusetest

import (
	"errors"
	"testing"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// What is committed while a View runs is not in it, also before it has read anything.
func testViewFirst(t *testing.T, s abuse.Store) {
	var there []string // put by earlier runs, of a store that runs a View again
	noError(t, s.View(t.Context(), func(r abuse.Reader) error {
		before, k := there, string(rune('a'+len(there)))
		together(t, 1, func(int) error {
			return s.Update(t.Context(), func(w abuse.Writer) error { return w.Put(abuse.Kept, []byte(k), []byte("later")) })
		})
		there = append(before, k, "later")
		wantRows(t, r, abuse.Kept, nil, nil, 10, before...)
		return nil
	}))
	want(t, s, abuse.Kept, there...)
}

// Whoever has seen a row and is told of an outcome was told of what is committed: one who wrote
// nothing because the row is there, or who gave an error because of it, waits for the row's commit
// where that is put together with the commits of others.
func testAcknowledged(t *testing.T, s abuse.Store) {
	taken := errors.New("taken")
	for _, outcome := range []error{nil, taken} {
		key := []byte("nil")
		if outcome != nil {
			key = []byte("error")
		}
		const patience = 50 * time.Millisecond // for the others to stand in line, if there is a line
		entered, leave := make(chan struct{}), make(chan struct{})
		told := make(chan struct{})
		go func() {
			<-entered
			time.Sleep(3 * patience)
			close(leave)
		}()
		runs := 0
		together(t, 3, func(i int) error {
			switch i {
			case 0: // the first writes the row
				return s.Update(t.Context(), func(w abuse.Writer) error {
					if runs++; runs == 1 {
						close(entered)
					}
					<-leave
					return w.Put(abuse.Kept, key, []byte("v"))
				})
			case 1: // the second finds it
				defer close(told)
				<-entered
				found := false
				err := s.Update(t.Context(), func(w abuse.Writer) error {
					v, err := w.Get(abuse.Kept, key)
					if found = err == nil && v[0] != nil; found {
						return outcome
					}
					return err
				})
				if !errors.Is(err, outcome) && (found || err != nil) {
					return err
				}
				return s.View(t.Context(), func(r abuse.Reader) error {
					if v, err := r.Get(abuse.Kept, key); err != nil || found && v[0] == nil {
						return errors.Join(err, errors.New("an Update was told of a row that is not committed"))
					}
					return nil
				})
			default: // the third keeps the commit of all of them back
				<-entered
				time.Sleep(patience)
				return s.Update(t.Context(), func(w abuse.Writer) error {
					select {
					case <-told:
					case <-time.After(2 * patience):
					}
					return w.Put(abuse.Batches, key, []byte("v"))
				})
			}
		})
		noError(t, s.View(t.Context(), func(r abuse.Reader) error {
			wantGet(t, r, abuse.Kept, string(key), "v")
			return nil
		}))
	}
}
