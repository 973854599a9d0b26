package outreach

import (
	"context"
	"errors"
	"net/http"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/route"
)

// A desk is the desk for answers that do not come by the API: the operators' audit
// hears of them, too, and none is taken while it could not.
type desk struct {
	*approval.Desk
	r *Outreach
}

// Answer passes an answer on and has it kept.
func (d desk) Answer(id string, yes bool, who action.Person, note string, scope approval.Scope) (approval.Request, error) {
	ctx := context.WithoutCancel(d.r.life)
	w := d.r.o.Witness()
	if w != nil {
		if err := w.Ready(ctx); err != nil {
			return approval.Request{}, err
		}
	}
	got, err := d.Desk.Answer(id, yes, who, note, scope)
	if w == nil {
		return got, err
	}
	deed := route.Deed{
		Caller: route.Caller{Person: who, From: who.Via}, What: "answer by " + who.Via, On: map[string]string{"id": id},
		Notes: map[string]string{"answer": "no"}, Status: http.StatusOK,
	}
	if yes {
		deed.Notes["answer"] = "yes"
	}
	if err != nil {
		deed.Status, deed.Err = http.StatusForbidden, err.Error()
		if errors.Is(err, approval.ErrAnswered) {
			deed.Status = http.StatusConflict
		}
	} else {
		deed.Notes["state"], deed.Notes["action"] = string(got.State), got.Summary
	}
	if kept := w.Keep(ctx, deed); kept != nil {
		d.r.o.Log.Error("an answer was taken, but the operators' audit could not keep it", "id", id, "by", who.Name, "via", who.Via, "err", kept)
	}
	return got, err
}
