package sqlstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hueandcry/hueandcry/abuse"
)

// postgresTx is one transaction. It begins in the round trip of its first statement, and is
// committed in that of its last.
type postgresTx struct {
	ctx   context.Context
	conn  *pgxpool.Conn
	begin string // "" once it has been sent
	again bool   // a statement has failed because of other transactions
	stale bool   // the session is read-only: a new one may not be
}

// run runs one transaction once.
func (s *postgresStore) run(ctx context.Context, begin string, f func(*tx) error) (err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return orContext(ctx, postgresError("connect", err))
	}
	p := &postgresTx{ctx: ctx, conn: conn, begin: begin}
	x := &tx{base: p}
	defer func() { // also when f panics
		x.ended = true
		p.end()
	}()
	err = f(x)
	if p.again { // f's own error may come of it
		return errAgain
	}
	if err == nil {
		err = x.err
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || !x.changed() && p.begin != "" {
		return err
	}
	return p.commit(x)
}

// end gives the connection back, without a transaction on it: if there is one, it has failed.
func (p *postgresTx) end() {
	if p.conn.Conn().PgConn().TxStatus() != 'I' {
		// One whose context has ended is closed by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), commitAtMost)
		defer cancel()
		_, _ = p.conn.Exec(ctx, "ROLLBACK") // the pool throws away a connection on which this fails
	}
	if p.stale { // kept, it would fail for as long as a connection may live, whatever the server says by now
		_ = p.conn.Conn().Close(context.WithoutCancel(p.ctx))
	}
	p.conn.Release()
}

// send sends statements in one round trip. The result of the last is read by read, if it is not nil.
func (p *postgresTx) send(ctx context.Context, b *pgx.Batch, read func(pgx.Rows) error) error {
	all := &pgx.Batch{}
	if p.begin != "" {
		all.Queue(p.begin)
		p.begin = ""
	}
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	results := p.conn.SendBatch(ctx, all)
	var err error
	for i := range all.QueuedQueries {
		if i == all.Len()-1 && read != nil {
			var rows pgx.Rows
			if rows, err = results.Query(); err == nil {
				err = read(rows)
				rows.Close()
				err = errors.Join(err, rows.Err())
			}
		} else {
			_, err = results.Exec()
		}
		if err != nil {
			break
		}
	}
	err = errors.Join(err, results.Close())
	switch sqlState(err) {
	case serializationFailure, deadlock:
		p.again = true
	case readOnly:
		p.stale = true
	}
	return err
}

// snapshot begins the transaction on what is committed now.
func (p *postgresTx) snapshot() error {
	b := &pgx.Batch{}
	b.Queue("SELECT 1")
	return orContext(p.ctx, postgresError("begin", p.send(p.ctx, b, nil)))
}

// Statements have at most so many rows or bytes, so that none is too large for the protocol.
const (
	statementRows  = 10_000
	statementBytes = 32 << 20
)

// get asks for many keys at once. LATERAL makes the planner look each of them up in the index.
func (p *postgresTx) get(t abuse.Table, keys [][]byte, found func(int, []byte)) error {
	for at := 0; at < len(keys); at += statementRows {
		part := keys[at:min(at+statementRows, len(keys))]
		b := &pgx.Batch{}
		b.Queue("SELECT k.i, r.value FROM unnest($1::BYTEA[]) WITH ORDINALITY AS k(key, i), LATERAL (SELECT value FROM "+table(t)+
			" AS r WHERE r.key = k.key LIMIT 1) AS r", part)
		err := p.send(p.ctx, b, func(rows pgx.Rows) error {
			for rows.Next() {
				var i int
				var value []byte
				if err := rows.Scan(&i, &value); err != nil {
					return err
				}
				found(at+i-1, value)
			}
			return nil
		})
		if err != nil {
			return orContext(p.ctx, postgresError("get", err))
		}
	}
	return nil
}

func (p *postgresTx) scan(t abuse.Table, from, to []byte, limit int) (all []abuse.Row, err error) {
	b := &pgx.Batch{}
	if to == nil {
		b.Queue("SELECT key, value FROM "+table(t)+" WHERE key >= $1 ORDER BY key LIMIT $2", from, limit)
	} else {
		b.Queue("SELECT key, value FROM "+table(t)+" WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3", from, to, limit)
	}
	err = p.send(p.ctx, b, func(rows pgx.Rows) error {
		for rows.Next() {
			var r abuse.Row
			if err := rows.Scan(&r.Key, &r.Value); err != nil {
				return err
			}
			all = append(all, r)
		}
		return nil
	})
	if err != nil {
		return nil, orContext(p.ctx, postgresError("scan", err))
	}
	return all, nil
}

// commit writes what f has written, and commits.
func (p *postgresTx) commit(x *tx) error {
	b := &pgx.Batch{}
	for _, t := range abuse.Tables() {
		var keys, values, deletes [][]byte
		size := 0
		put := func() {
			if len(keys) > 0 {
				b.Queue("INSERT INTO "+table(t)+" (key, value) SELECT key, value FROM unnest($1::BYTEA[], $2::BYTEA[]) AS r(key, value) "+
					"ON CONFLICT (key) DO UPDATE SET value = excluded.value", keys, values)
			}
			keys, values, size = nil, nil, 0
		}
		for k, v := range x.written[t].Range(nil, nil) {
			if v == nil {
				deletes = append(deletes, k)
				continue
			}
			if len(keys) == statementRows || size+len(k)+len(v) > statementBytes {
				put()
			}
			keys, values, size = append(keys, k), append(values, v), size+len(k)+len(v)
		}
		put()
		for len(deletes) > 0 {
			n := min(statementRows, len(deletes))
			b.Queue("DELETE FROM "+table(t)+" WHERE key = ANY($1::BYTEA[])", deletes[:n])
			deletes = deletes[n:]
		}
	}
	b.Queue("COMMIT")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), commitAtMost)
	defer cancel()
	if err := p.send(ctx, b, nil); p.again {
		return errAgain
	} else if err != nil {
		return postgresError("commit", err)
	}
	return nil
}
