package linkage_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// statements are the records of three days, the second and third of one day.
func statements(t testing.TB, p *linkagetest.Parties) []*linkage.SessionRecord {
	t.Helper()
	day := feedStart.Unix() / 86400
	at := func(d, hour int) time.Time { return feedStart.AddDate(0, 0, d).Add(time.Duration(hour) * time.Hour) }
	epoch, _ := p.Agreement.Epoch(feedStart)
	all := []*linkage.SessionRecord{
		{Epoch: epoch, Day: day, From: at(0, 0), Until: at(0, 23), Evaluated: 10, Requests: 5, Refused: 1, EvaluatedDay: 10, SpentDay: 16, BaseSpent: 100, SignalsDay: 8, Batches: 1},
		{Epoch: epoch, Day: day + 1, From: at(0, 23), Until: at(1, 12), Evaluated: 30, Requests: 15, Refused: 1, EvaluatedDay: 15, SpentDay: 15, BaseSpent: 100, SignalsDay: 16, Batches: 3},
		{Epoch: epoch, Day: day + 1, From: at(1, 12), Until: at(2, 0), Evaluated: 31, Requests: 16, Refused: 1, EvaluatedDay: 16, SpentDay: 40, BaseSpent: 120, SignalsDay: 16, Batches: 3},
	}
	for i, r := range all {
		r.Agreement, r.Sequence = p.Agreement.Digest(), uint64(i+1)
		if i > 0 {
			r.Previous = all[i-1].Hash()
		}
		require.NoError(t, r.Sign(p.Agreement, linkage.Transmitter, p.Transmitter))
		require.NoError(t, r.Sign(p.Agreement, linkage.Receiver, p.Receiver))
	}
	return all
}

func recordParties() *linkagetest.Parties {
	return linkagetest.NewParties(func(a *linkage.Agreement) {
		a.Limits.AdditionsPerDay, a.Limits.Identifiers, a.Limits.SignalsPerDay = 50, 1000, 100
	})
}

func TestSessionRecordsVerify(t *testing.T) {
	p := recordParties()
	var before *linkage.SessionRecord
	for _, r := range statements(t, p) {
		require.NoError(t, r.Verify(p.Agreement, before))
		form, err := r.MarshalBinary()
		require.NoError(t, err)
		require.Len(t, form, 298)
		back, err := linkage.ParseSessionRecord(form)
		require.NoError(t, err)
		require.Equal(t, *r, back)
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var again linkage.SessionRecord
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, *r, again)
		before = r
	}
	unsigned := linkage.SessionRecord{From: feedStart, Until: feedStart}
	form, err := unsigned.MarshalBinary()
	require.NoError(t, err)
	back, err := linkage.ParseSessionRecord(form)
	require.NoError(t, err)
	require.Nil(t, back.Transmitter)
	require.Equal(t, unsigned, back)
}

// What is enrolled ahead of an agreement that begins at noon is in records that last no time, and what
// was not recorded by then in the first that does.
func TestSessionRecordsAhead(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day := noon.Unix() / 86400
	p := linkagetest.NewParties(func(a *linkage.Agreement) { a.ValidFrom, a.Limits.AdditionsPerDay = noon, 50 })
	var before *linkage.SessionRecord
	for i, r := range []*linkage.SessionRecord{
		{Day: day - 3, From: noon, Until: noon, BaseSpent: 7},
		{Day: day - 1, From: noon, Until: noon, BaseSpent: 9, Evaluated: 20, EvaluatedDay: 20, SpentDay: 20},
		{Day: day, From: noon, Until: noon.Add(time.Hour), BaseSpent: 9, Evaluated: 60, EvaluatedDay: 10, SpentDay: 10},
		{Day: day, From: noon.Add(time.Hour), Until: noon.Add(2 * time.Hour), BaseSpent: 9, Evaluated: 61, EvaluatedDay: 11, SpentDay: 11},
	} {
		r.Agreement, r.Sequence = p.Agreement.Digest(), uint64(i+1)
		if before != nil {
			r.Previous = before.Hash()
		}
		require.NoError(t, r.Sign(p.Agreement, linkage.Transmitter, p.Transmitter))
		require.NoError(t, r.Sign(p.Agreement, linkage.Receiver, p.Receiver))
		require.NoError(t, r.Verify(p.Agreement, before), i)
		before = r
	}
}

// A record that says too much, or takes something back, is refused though both have signed it.
func TestSessionRecordsRefused(t *testing.T) {
	p := recordParties()
	for name, c := range map[string]struct {
		change func(r *linkage.SessionRecord)
		at     int // which record
		want   linkage.Code
	}{
		"other agreement":       {func(r *linkage.SessionRecord) { r.Agreement[0]++ }, 0, linkage.ErrAgreement},
		"first is second":       {func(r *linkage.SessionRecord) { r.Sequence = 2 }, 0, linkage.ErrOrder},
		"first with a hash":     {func(r *linkage.SessionRecord) { r.Previous[0]++ }, 0, linkage.ErrOrder},
		"one left out":          {func(r *linkage.SessionRecord) { r.Sequence++ }, 1, linkage.ErrOrder},
		"other chain":           {func(r *linkage.SessionRecord) { r.Previous[0]++ }, 1, linkage.ErrOrder},
		"a gap in time":         {func(r *linkage.SessionRecord) { r.From = r.From.Add(time.Second) }, 1, linkage.ErrOrder},
		"ends before it begins": {func(r *linkage.SessionRecord) { r.Until = r.From.Add(-time.Second); r.Day-- }, 1, linkage.ErrRecord},
		"day of the future":     {func(r *linkage.SessionRecord) { r.Day += 2 }, 1, linkage.ErrRecord},
		"day goes back":         {func(r *linkage.SessionRecord) { r.Day -= 2 }, 1, linkage.ErrRecord},
		"epoch goes back":       {func(r *linkage.SessionRecord) { r.Epoch-- }, 1, linkage.ErrRecord},
		"epoch of the future":   {func(r *linkage.SessionRecord) { r.Epoch += 2 }, 1, linkage.ErrRecord},
		"total goes back":       {func(r *linkage.SessionRecord) { r.Evaluated = 9 }, 1, linkage.ErrRecord},
		"requests go back":      {func(r *linkage.SessionRecord) { r.Requests = 4 }, 1, linkage.ErrRecord},
		"batches go back":       {func(r *linkage.SessionRecord) { r.Batches = 2 }, 2, linkage.ErrRecord},
		"refused more":          {func(r *linkage.SessionRecord) { r.Refused = 99 }, 1, linkage.ErrRecord},
		"day and total differ":  {func(r *linkage.SessionRecord) { r.Evaluated += 3 }, 2, linkage.ErrRecord},
		"day above total":       {func(r *linkage.SessionRecord) { r.EvaluatedDay, r.SpentDay = 25, 25 }, 1, linkage.ErrRecord},
		"more than was spent":   {func(r *linkage.SessionRecord) { r.SpentDay = 14 }, 1, linkage.ErrRecord},
		"spent goes back":       {func(r *linkage.SessionRecord) { r.SignalsDay = 15 }, 2, linkage.ErrRecord},
		"base goes back":        {func(r *linkage.SessionRecord) { r.BaseSpent = 99 }, 2, linkage.ErrRecord},
		"additions of a day":    {func(r *linkage.SessionRecord) { r.SpentDay = 51 }, 2, linkage.ErrLimit},
		"identifiers":           {func(r *linkage.SessionRecord) { r.BaseSpent = 1001 }, 2, linkage.ErrLimit},
		"signals of a day":      {func(r *linkage.SessionRecord) { r.SignalsDay = 1 << 63 }, 2, linkage.ErrLimit},
		// The day before had room for 40 more.
		"hidden between days": {func(r *linkage.SessionRecord) { r.Evaluated = 10 + 15 + 41 }, 1, linkage.ErrLimit},
		"all between days":    {func(r *linkage.SessionRecord) { r.Evaluated = 10 + 15 + 40 }, 1, 0},

		"ends in the next day": {func(r *linkage.SessionRecord) { r.Until = r.Until.Add(12*time.Hour + time.Second) }, 1, linkage.ErrRecord},
		"ends at midnight":     {func(r *linkage.SessionRecord) { r.Until = r.Until.Add(12 * time.Hour) }, 1, 0},
		"before the agreement": {func(r *linkage.SessionRecord) { r.From = p.Agreement.ValidFrom.AddDate(0, 0, -1) }, 0, linkage.ErrRecord},
		"from the beginning":   {func(r *linkage.SessionRecord) { r.From = p.Agreement.ValidFrom }, 0, 0},
		"after the agreement": {func(r *linkage.SessionRecord) {
			r.Until = p.Agreement.ValidUntil.AddDate(0, 0, 1).Add(time.Second)
			r.Day = r.Until.Unix() / 86400
		}, 1, linkage.ErrRecord},
		"epoch after the agreement": {func(r *linkage.SessionRecord) {
			r.Epoch, r.Until = uint32(p.Agreement.ValidUntil.Unix()-p.Agreement.ValidFrom.Unix())/86400/uint32(p.Agreement.EpochDays)+1, p.Agreement.ValidUntil
			r.Day = r.Until.Unix() / 86400
		}, 1, linkage.ErrRecord},
		// From began in Day: nothing can be of another.
		"hidden before the first": {func(r *linkage.SessionRecord) { r.Evaluated++ }, 0, linkage.ErrRecord},
		"smeared over a month": {func(r *linkage.SessionRecord) {
			r.Day, r.Until, r.EvaluatedDay, r.SpentDay = r.Day+28, r.Until.AddDate(0, 0, 28), 0, 0
			r.Epoch, r.Evaluated = r.Epoch+1, 10+51
		}, 1, linkage.ErrLimit},
		"a month's rest": {func(r *linkage.SessionRecord) {
			r.Day, r.Until, r.Epoch = r.Day+28, r.Until.AddDate(0, 0, 28), r.Epoch+1
		}, 1, 0},
		"time of no use": {func(r *linkage.SessionRecord) { r.Until = r.Until.Add(time.Millisecond) }, 1, linkage.ErrRecord},
	} {
		t.Run(name, func(t *testing.T) {
			all := statements(t, p)
			r, before := all[c.at], (*linkage.SessionRecord)(nil)
			if c.at > 0 {
				before = all[c.at-1]
			}
			c.change(r)
			require.NoError(t, r.Sign(p.Agreement, linkage.Transmitter, p.Transmitter))
			require.NoError(t, r.Sign(p.Agreement, linkage.Receiver, p.Receiver))
			err := r.Verify(p.Agreement, before)
			if c.want == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
		})
	}
}

// Every bit of a record is signed by both, and each signs for himself.
func TestEveryByteOfASessionRecordCounts(t *testing.T) {
	p := recordParties()
	all := statements(t, p)
	form, err := all[1].MarshalBinary()
	require.NoError(t, err)
	for i := range form {
		bad := append([]byte(nil), form...)
		bad[i] ^= 1 << (i % 8)
		r, err := linkage.ParseSessionRecord(bad)
		if err == nil {
			err = r.Verify(p.Agreement, all[0])
		}
		require.Error(t, err, i)
	}
	for n := range form {
		_, err := linkage.ParseSessionRecord(form[:n])
		require.ErrorIs(t, err, linkage.ErrFrame)
	}
	_, err = linkage.ParseSessionRecord(append(form, 0))
	require.ErrorIs(t, err, linkage.ErrFrame)
	form[5] = 2
	_, err = linkage.ParseSessionRecord(form[:20])
	require.ErrorIs(t, err, linkage.ErrVersion)

	r := *all[1]
	require.ErrorIs(t, r.Sign(p.Agreement, linkage.Receiver, p.Transmitter), linkage.ErrInput)
	require.ErrorIs(t, r.Sign(p.Agreement, 0, p.Transmitter), linkage.ErrInput)
	r.Transmitter, r.Receiver = r.Receiver, r.Transmitter
	require.ErrorIs(t, r.Verify(p.Agreement, all[0]), linkage.ErrPeer)
	r.Transmitter = nil
	require.ErrorIs(t, r.Verify(p.Agreement, all[0]), linkage.ErrPeer)
	r.Transmitter = []byte{1}
	_, err = r.MarshalBinary()
	require.ErrorIs(t, err, linkage.ErrInput)
}

func TestSessionRecordJSONIsStrict(t *testing.T) {
	p := recordParties()
	good, err := json.Marshal(statements(t, p)[0])
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(m map[string]any)
		want   linkage.Code
	}{
		"unknown member":  {func(m map[string]any) { m["more"] = 1 }, linkage.ErrFrame},
		"later version":   {func(m map[string]any) { m["version"] = 2; m["more"] = 1 }, linkage.ErrVersion},
		"no version":      {func(m map[string]any) { delete(m, "version") }, linkage.ErrFrame},
		"short hash":      {func(m map[string]any) { m["previous"] = "AAAA" }, linkage.ErrFrame},
		"negative":        {func(m map[string]any) { m["evaluated"] = -1 }, linkage.ErrFrame},
		"day of no time":  {func(m map[string]any) { m["day"] = int64(1) << 61 }, linkage.ErrFrame},
		"negative day":    {func(m map[string]any) { m["day"] = -1 }, linkage.ErrFrame},
		"half a second":   {func(m map[string]any) { m["from"] = "2026-11-23T00:00:00.5Z" }, linkage.ErrFrame},
		"other spelling":  {func(m map[string]any) { m["Epoch"] = m["epoch"]; delete(m, "epoch") }, linkage.ErrFrame},
		"both spellings":  {func(m map[string]any) { m["EPOCH"] = m["epoch"] }, linkage.ErrFrame},
		"one missing":     {func(m map[string]any) { delete(m, "refused") }, linkage.ErrFrame},
		"no signature":    {func(m map[string]any) { delete(m, "receiver_signature") }, linkage.ErrFrame},
		"null":            {func(m map[string]any) { m["refused"] = nil }, linkage.ErrFrame},
		"short signature": {func(m map[string]any) { m["receiver_signature"] = "AAAA" }, linkage.ErrFrame},
	} {
		t.Run(name, func(t *testing.T) {
			var m map[string]any
			require.NoError(t, json.Unmarshal(good, &m))
			c.change(m)
			bad, err := json.Marshal(m)
			require.NoError(t, err)
			var r linkage.SessionRecord
			require.ErrorIs(t, r.UnmarshalJSON(bad), c.want)
			require.Zero(t, r)
		})
	}
	var r linkage.SessionRecord
	for _, bad := range []string{
		strings.Replace(string(good), `"sequence":1`, `"sequence":1,"sequence":1`, 1),
		strings.Replace(string(good), `"sequence":1`, `"sequence":9,"\u0073equence":1`, 1),
		string(good) + "{}", string(good[:len(good)-1]), "[]", "null", "",
	} {
		require.ErrorIs(t, r.UnmarshalJSON([]byte(bad)), linkage.ErrFrame, bad)
	}
	require.NoError(t, r.UnmarshalJSON(good))
}
