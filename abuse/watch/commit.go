package watch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// learnt is an identifier of a subject that was evaluated, and what the shelf has about it.
type learnt struct {
	s      *subject
	at     int // in s.ids
	kept   linkage.Kept
	found  []found
	next   uint32
	course *course
}

// errBehind says that records were taken in after the shelf was asked.
var errBehind = errors.New("watch: the feed has moved on")

// enrolAll enrols the identifiers of subjects that are not enrolled yet, unenrols those that they no
// longer have, takes in what was kept about them, and decides where that is asked for: the partner
// is asked once an epoch, and all rows are written in one Update. Under the present era alone,
// and then a check is owed for what is being prepared; or everywhere.
func (r *Receiver) enrolAll(ctx context.Context, all []*subject, everywhere bool) error {
	var news []*learnt
	var active, targets []*course
	var short error
	for attempt := 0; ; attempt++ {
		if active == nil {
			var err error
			if active, err = r.current(ctx, attempt > 0); err != nil {
				return err
			}
			if targets, err = r.targets(ctx, active, everywhere); err != nil {
				return err
			}
			if targets, news, short = r.learn(ctx, all, targets, everywhere); len(news) == 0 && short != nil {
				return short
			}
		}
		err := r.commit(ctx, all, active, targets, news, attempt >= 2)
		switch {
		case errors.Is(err, errCursor):
			active = nil
		case err == nil:
			for _, s := range all {
				if s.stamp != nil {
					s.stamp = s.left
				}
			}
			return short
		case !errors.Is(err, errBehind):
			return err
		}
		// At first another process was faster; if it is still so something is wrong, such as a cursor
		// that was set back, and the store is not to be asked without a pause.
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(max(0, min(attempt-2, 100))) * time.Millisecond):
		}
	}
}

// current gives the active eras, as this process has them or as the store does.
func (r *Receiver) current(ctx context.Context, fresh bool) ([]*course, error) {
	if fresh {
		return r.active(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Collect(maps.Values(r.courses))
	slices.SortFunc(all, func(a, b *course) int { return int(a.number) - int(b.number) })
	return all, nil
}

// targets gives the eras under which to enrol: the present one, and everywhere those that are to
// take its place as well.
func (r *Receiver) targets(ctx context.Context, active []*course, everywhere bool) (out []*course, err error) {
	now, ok := r.cfg.Agreement.Epoch(r.cfg.Clock())
	if !ok {
		return nil, ErrNotOpen
	}
	var present *course
	if err := r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
		present, err = presentOf(active, now, func(c *course) (cursor, error) {
			cur, _, err := cursorOf(rd, c.number)
			return cur, err
		})
		return err
	}); err != nil {
		return nil, err
	}
	if present == nil {
		return nil, ErrNotOpen
	}
	for _, c := range active {
		if c == present || everywhere && c.number > present.number && (c.epoch == now || c.epoch == now+1) {
			out = append(out, c)
		}
	}
	return out, nil
}

// presentOf gives the era of an epoch under which sign-ups are decided on: the newest that has all
// that was said, for the feeds of those before it may have ended; at first the oldest there is.
func presentOf(active []*course, epoch uint32, at func(*course) (cursor, error)) (present *course, err error) {
	for _, c := range active {
		if c.epoch != epoch {
			continue
		}
		cur, err := at(c)
		if err != nil {
			return nil, err
		}
		if present == nil || cur.complete {
			present = c
		}
	}
	return present, nil
}

// learn asks the partner for what is not enrolled yet, and gives for which eras it has. Where the
// day's budget ends before the last of them, what was evaluated is not to be lost.
func (r *Receiver) learn(ctx context.Context, all []*subject, targets []*course, owed bool) (done []*course, news []*learnt, err error) {
	for i, c := range targets {
		var missing []*learnt
		if err := r.cfg.Store.View(ctx, func(rd abuse.Reader) error {
			missing = nil
			for _, s := range all {
				held, err := holdingsOf(rd, s.account)
				if err != nil {
					return err
				}
				if s.seen == nil {
					s.seen = append([]holding{}, held...)
				}
				for i, id := range s.ids {
					if !c.holds(held, id) {
						missing = append(missing, &learnt{s: s, at: i, course: c})
					}
				}
			}
			return nil
		}); err != nil {
			return nil, nil, err
		}
		if err := r.evaluateAll(ctx, c, missing, owed); err != nil {
			if !exhausted(err) {
				news = nil
			}
			return targets[:i], news, err
		}
		news = append(news, missing...)
	}
	return targets, news, nil
}

// evaluateAll asks for identifiers that several accounts may share, each once. The subjects keep
// what was evaluated: should the rest be refused, that is not paid for again.
func (r *Receiver) evaluateAll(ctx context.Context, c *course, missing []*learnt, owed bool) error {
	whose := map[hashing.Identifier][]*learnt{}
	var ids []hashing.Identifier
	for _, n := range missing {
		id := n.s.ids[n.at]
		if k, ok := n.s.paid[asking{c.number, id}]; ok {
			n.kept = k
			continue
		}
		if whose[id] == nil {
			ids = append(ids, id)
		}
		whose[id] = append(whose[id], n)
	}
	for run := range slices.Chunk(ids, linkage.MaxEvaluation) {
		asked := make([]linkage.Account, len(run))
		for i, id := range run {
			asked[i] = linkage.Account{Ref: whose[id][0].s.account, Identifiers: run[i : i+1]}
		}
		kept, err := r.evaluate(ctx, c, asked, owed)
		if err != nil {
			return err
		}
		for i, id := range run {
			for _, n := range whose[id] {
				n.kept = kept[i]
				n.s.pay(asking{c.number, id}, kept[i])
			}
		}
	}
	return nil
}

// holdingsOf gives what an account holds, under all generations.
func holdingsOf(rd abuse.Reader, account string) (all []holding, err error) {
	err = scanAll(rd, abuse.Holdings, accountKey(account), func(row abuse.Row) error {
		h, err := parseHolding(row)
		all = append(all, h)
		return err
	})
	return all, err
}

// holds says whether an identifier is among what an account holds.
func (c *course) holds(held []holding, id hashing.Identifier) bool {
	for slot, k := range c.keepers {
		token := k.Token(id)
		if slices.ContainsFunc(held, func(h holding) bool { return h.generation == c.number+uint64(slot) && h.token == token }) {
			return true
		}
	}
	return false
}

// commit writes all that has been learnt, in one Update, if neither feeds nor eras have moved since.
// With wait set it keeps this process's feeds from moving meanwhile.
func (r *Receiver) commit(ctx context.Context, all []*subject, active, targets []*course, news []*learnt, wait bool) error {
	if wait {
		r.moving.Lock()
		defer r.moving.Unlock()
	}
	at := map[*course]position{}
	for _, n := range news {
		if err := r.look(ctx, n, at); err != nil {
			return err
		}
	}
	return r.update(ctx, func(w abuse.Writer, old *oldLog) error {
		owing, err := r.unmoved(w, active, targets)
		if err != nil {
			return err
		}
		cursors := map[*course]*cursor{}
		for _, c := range active {
			cur, ok, err := cursorOf(w, c.number)
			if err != nil || !ok {
				return errors.Join(err, errCursor)
			}
			if p, ok := at[c]; ok && p != cur.at {
				return errBehind
			}
			cursors[c] = &cur
		}
		present, err := presentOf(active, targets[0].epoch, func(c *course) (cursor, error) { return *cursors[c], nil })
		if err != nil {
			return err
		}
		if present != targets[0] {
			return errCursor // a newer one has come to have all that was said
		}
		l := newLedger(w)
		for _, s := range all {
			s.left, s.torn = nil, false
			if s.outdated, err = outdated(w, r.link, s); err != nil {
				return err
			}
			if s.outdated {
				continue
			}
			if err := r.tidy(w, old, l, s, active); err != nil {
				return err
			}
		}
		for _, n := range news {
			if n.s.outdated {
				continue
			}
			if err := r.take(w, l, n, cursors[n.course]); err != nil {
				return err
			}
		}
		if err := l.write(); err != nil {
			return err
		}
		for _, s := range all {
			if s.outdated {
				continue
			}
			if err := settleRecheck(w, r.link, s, owing || s.torn, r.cfg.Clock()); err != nil {
				return err
			}
			if s.decide {
				if s.verdict, err = r.cfg.Decider.settle(w, l, s.account, s.facts); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// look asks the shelf of the era, which is brought up to date once.
func (r *Receiver) look(ctx context.Context, n *learnt, at map[*course]position) error {
	c := n.course
	if _, ok := at[c]; !ok {
		if err := c.shelf.refresh(ctx, r.cfg.Store); err != nil {
			return err
		}
	}
	all, next, where, unreadable, err := c.shelf.find(ctx, r.cfg.Store, n.kept, r.cfg.Agreement.Limits.SignalsPerIdentifier)
	if err != nil {
		return err
	}
	if was, ok := at[c]; ok && was != where {
		return errBehind
	}
	at[c] = where
	n.found, n.next = all, next
	if unreadable > 0 {
		r.tel.unreadable.Add(ctx, int64(unreadable), r.tel.set)
	}
	return nil
}

// unmoved says whether the active eras are still those, and whether accounts are to be looked at again
// for one that is being prepared.
func (r *Receiver) unmoved(rd abuse.Reader, active, targets []*course) (owing bool, err error) {
	all, err := eras(rd, r.link)
	if err != nil {
		return false, err
	}
	n := 0
	for _, e := range all {
		switch e.status {
		case eraBuilding:
			owing = true
		case eraActive:
			if n >= len(active) || active[n].number != e.number {
				return false, errCursor
			}
			if e.number > targets[0].number && !slices.ContainsFunc(targets, func(c *course) bool { return c.number == e.number }) {
				owing = true
			}
			n++
		}
	}
	if n != len(active) {
		return false, errCursor
	}
	return owing, nil
}

// tidy unenrols what the account no longer has, and moves what it has at another place.
func (r *Receiver) tidy(w abuse.Writer, old *oldLog, l *ledger, s *subject, active []*course) error {
	held, err := holdingsOf(w, s.account)
	if err != nil || len(held) == 0 && len(s.seen) == 0 {
		return err
	}
	type named struct {
		generation uint64
		token      [16]byte
	}
	places := map[named]uint32{}
	ours := map[uint64]era{}
	for _, c := range active {
		for slot, k := range c.keepers {
			ours[c.number+uint64(slot)] = c.era
			for i, id := range s.ids {
				places[named{c.number + uint64(slot), k.Token(id)}] = s.places[i]
			}
		}
	}
	still := map[named]bool{} // else another check has taken it away meanwhile, or Remove
	for _, h := range held {
		still[named{h.generation, h.token}] = true
	}
	for _, h := range s.seen {
		if by := (named{h.generation, h.token}); !still[by] {
			_, has := places[by]
			s.torn = s.torn || has
		}
	}
	var matches []*match
	for _, h := range held {
		place, has := places[named{h.generation, h.token}]
		e, known := ours[h.generation]
		if !known || has && place == h.place {
			continue
		}
		if !has && !slices.ContainsFunc(s.seen, h.same) {
			s.torn = true // who is right the caller knows
			continue
		}
		if matches == nil {
			if matches, err = l.account(s.account); err != nil {
				return err
			}
		}
		if has {
			err = move(w, s.account, h, place)
		} else {
			err = unenrol(w, old, e, s.account, h)
		}
		if err != nil {
			return err
		}
		for _, m := range matches {
			m.regard(ground{generation: h.generation, token: h.token}, has, place)
		}
	}
	return nil
}

// same says whether two holdings are of one identifier.
func (h holding) same(other holding) bool {
	return h.generation == other.generation && h.token == other.token
}

// regard takes note that an identifier has gone, or is at another place.
func (m *match) regard(by ground, has bool, place uint32) {
	i := slices.IndexFunc(m.grounds, by.same)
	switch {
	case i < 0:
	case has:
		m.grounds[i].place = place
	default:
		m.grounds = slices.Delete(m.grounds, i, i+1)
	}
}

// move gives a tag of an account another place.
func move(w abuse.Writer, account string, h holding, place uint32) error {
	found, err := lists(w, abuse.Enrolments, [][]byte{tagKey(h.generation, h.tag)})
	if err != nil {
		return err
	}
	for _, item := range found[0] {
		e, err := parseEnrolment(item)
		if err != nil {
			return err
		}
		if e.account != account {
			continue
		}
		e.place = place
		if _, err := addAll(w, abuse.Enrolments, []addition{{tagKey(h.generation, h.tag), e.item(), 2 + len(account)}}); err != nil {
			return err
		}
		h.place = place
		row := h.row(account)
		return w.Put(abuse.Holdings, row.Key, row.Value)
	}
	return nil
}

// take enrols an identifier, with the tags of all signals that there are and of the next one, and
// takes in what the shelf has about it, of one name one signal.
func (r *Receiver) take(w abuse.Writer, l *ledger, n *learnt, at *cursor) error {
	c, s := n.course, n.s
	kind := s.ids[n.at].Kind()
	var tags []enrolledNext
	for nth := range n.next + 1 {
		k := c.keepers[0].Nth(n.kept, int(nth))
		tags = append(tags, enrolledNext{0, k.Tag, enrolment{s.account, kind, s.places[n.at], nth, n.kept.Value}, n.kept.Token})
	}
	if _, err := c.enrol(w, at, tags, new([]enrolledTag)); err != nil {
		return err
	}
	names := make([]naming, len(n.found))
	for i, f := range n.found {
		names[i] = naming{f.name, s.account, f.signal, true}
	}
	named, err := nameAll(w, names)
	if err != nil {
		return err
	}
	for i, f := range n.found {
		m, err := l.match(s.account, r.link, f.signal)
		if err != nil {
			return err
		}
		if named[i] {
			m.hear(r.cfg.Agreement.Transmitter.Name, f.word, ground{c.number, n.kept.Token, kind, s.places[n.at]})
		}
	}
	return nil
}
