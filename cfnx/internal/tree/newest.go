package tree

import "sync"

// newest are the templates that were read last, in full: a few, because whoever
// looks at stacks of one tree asks about the same ones in turn.
var newest = cache{most: 2 << 20}

// cache keeps what was parsed, by text, as long as the texts together have no more
// than most bytes.
type cache struct {
	most int

	mu    sync.Mutex
	docs  map[string]entry
	order []string // the one that was put first is the first to go
	bytes int
}

type entry struct {
	depth int // to which it was allowed to nest
	doc   *Doc
}

func (c *cache) get(text []byte, depth int) *Doc {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.docs[string(text)]; ok && e.depth == depth {
		return e.doc
	}
	return nil
}

func (c *cache) put(text string, depth int, d *Doc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(text) > c.most/4 {
		return
	}
	if c.docs == nil {
		c.docs = map[string]entry{}
	}
	if _, ok := c.docs[text]; !ok {
		c.order = append(c.order, text)
		c.bytes += len(text)
	}
	c.docs[text] = entry{depth, d}
	for c.bytes > c.most {
		c.bytes -= len(c.order[0])
		delete(c.docs, c.order[0])
		c.order = c.order[1:]
	}
}
