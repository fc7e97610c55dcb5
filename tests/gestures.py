"""What people do on the service's page, as the events that a browser sends then."""

import base64

# A real drop and paste need another window: these are the events that the browser sends then
GIVE = """([kind, name, content]) => {
    const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type: "image/png" }));
    const options = { bubbles: true, cancelable: true };
    const event = kind === "drop"
        ? new DragEvent(kind, { ...options, dataTransfer: data })
        : new ClipboardEvent(kind, { ...options, clipboardData: data });
    document.body.dispatchEvent(event);
}"""


def draw(page, strokes) -> None:
    area = page.get_by_label("Drawing area").bounding_box()
    for stroke in strokes:
        for step, (x, y) in enumerate(stroke):
            page.mouse.move(area["x"] + x * area["width"], area["y"] + y * area["height"], steps=5)
            if not step:
                page.mouse.down()
        page.mouse.up()


def draw_by_pointer(page, kind: str, stroke) -> None:
    """Draw a stroke with a "pen", or with a finger ("touch") while a second one taps the drawing area."""
    area = page.get_by_label("Drawing area").bounding_box()
    start, corner, end = ({"x": area["x"] + x * area["width"], "y": area["y"] + y * area["height"]} for x, y in stroke)
    session = page.context.new_cdp_session(page)
    if kind == "pen":
        options = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": kind}
        events = {"mousePressed": [start], "mouseMoved": [corner, end], "mouseReleased": [end]}
        for event, places in events.items():
            for place in places:
                session.send("Input.dispatchMouseEvent", {"type": event, **options, **place})
        return
    for event, finger, place in (
        ("touchStart", 0, start),
        ("touchMove", 0, corner),
        ("touchStart", 1, start),
        ("touchEnd", 1, start),
        ("touchMove", 0, end),
        ("touchEnd", 0, end),
    ):
        session.send("Input.dispatchTouchEvent", {"type": event, "touchPoints": [place | {"id": finger}]})


def give(page, kind: str, name: str, content: bytes) -> None:
    page.evaluate(GIVE, [kind, name, base64.b64encode(content).decode()])
