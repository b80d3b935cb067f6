package sqlstore

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

// Three Updates share a commit that fails. Those who came after the first have seen its row, and
// are told of the failure, whatever they made of it.
func TestFailedCommitIsToldToReaders(t *testing.T) {
	synctest.Test(t, failedCommitIsToldToReaders)
}

func failedCommitIsToldToReaders(t *testing.T) {
	s, err := open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "db"), Versions(), "foreign_keys(1)")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	key, taken := []byte("k"), errors.New("taken")
	entered, leave := make(chan struct{}), make(chan struct{})
	first, quick := make(chan error, 1), make(chan error, 1)
	go func() {
		first <- s.Update(t.Context(), func(w abuse.Writer) error {
			close(entered)
			<-leave
			for _, text := range []string{ // what SQLite finds wrong at COMMIT and not before
				"CREATE TABLE parent (x INTEGER PRIMARY KEY)",
				"CREATE TABLE child (x INT REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
				"INSERT INTO child VALUES (1)",
			} {
				if err := w.(writer).base.(*sqliteConn).exec(text); err != nil {
					return err
				}
			}
			return w.Put(abuse.Kept, key, []byte("v"))
		})
	}()
	<-entered
	results := make(chan error, 2)
	for _, outcome := range []error{nil, taken} {
		go func() {
			results <- s.Update(t.Context(), func(w abuse.Writer) error {
				if v, err := w.Get(abuse.Kept, key); err != nil || v[0] == nil {
					return errors.Join(err, errors.New("was not in the group"))
				}
				return outcome
			})
		}()
	}
	synctest.Wait() // they stand in line
	close(leave)
	lost := <-first
	var e *abuse.StoreError
	require.ErrorAs(t, lost, &e)
	for range 2 {
		require.Equal(t, lost, <-results)
	}
	// The group is gone, and with it what would be waited for.
	go func() {
		quick <- s.Update(t.Context(), func(w abuse.Writer) error {
			v, err := w.Get(abuse.Kept, key)
			require.Nil(t, v[0])
			return errors.Join(err, taken)
		})
	}()
	require.ErrorIs(t, <-quick, taken)
}
