package cases_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse/cases"
)

// An origin hears of weeks that are over, in tens, and of nothing below.
func TestReceipts(t *testing.T) {
	b := newBench(t)
	n := 0
	undo := func(origin string, times int) {
		for range times {
			n++
			account := fmt.Sprint("a-", n)
			b.settle(evidence(account, strong(n, origin)))
			require.NotZero(t, b.settle(evidence(account)).Undoes)
		}
	}
	receipts := func(origin string) []cases.Receipt {
		all, err := b.Receipts(t.Context(), origin)
		require.NoError(t, err)
		return all
	}
	monday := dayOf(noon)
	undo("messenger.example", 15)
	b.now = noon.AddDate(0, 0, 6) // Sunday
	undo("messenger.example", 14)
	undo("market.example", 9)
	require.Empty(t, receipts("messenger.example"), "the week runs on")
	b.now = monday.AddDate(0, 0, 7)
	undo("messenger.example", 10)
	week := cases.Receipt{Week: monday, Undone: 20}
	require.Equal(t, []cases.Receipt{week}, receipts("messenger.example"))
	require.Empty(t, receipts("market.example"), "too few")
	require.Empty(t, receipts("messenger"), "one name does not begin another")
	b.now = monday.AddDate(0, 0, 14)
	require.Equal(t, []cases.Receipt{week, {Week: monday.AddDate(0, 0, 7), Undone: 10}}, receipts("messenger.example"))
}
