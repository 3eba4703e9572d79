"""What is on a machine's console: moto has the same words for every machine. POST to the control port:

  /console {"id": "i-...", "text": "...", "kept": "...", "nitro": true}
           `text` is there now, `kept` is what EC2 kept of the boot (the same where it is left out); without Nitro nobody can ask for
           what is there now. Of a machine that was not told of there is nothing.
"""

import base64
import threading
import time
from xml.sax.saxutils import escape

from moto_faults import answer, error

LOCK = threading.Lock()
CONSOLES = {}


def control(d):
    with LOCK:
        CONSOLES[d["id"]] = d
    return {"id": d["id"]}


def output(start_response, form):
    instance = form["InstanceId"][0]
    with LOCK:
        d = CONSOLES.get(instance, {})
    now = (form.get("Latest") or ["false"])[0] == "true"
    if now and not d.get("nitro", True):
        fault = {"action": "GetConsoleOutput", "code": "UnsupportedOperation", "message": "This instance type does not support retrieving the latest console logs."}
        return error(start_response, fault, False)
    text = d.get("text", "") if now else d.get("kept", d.get("text", ""))
    # EC2 has the last 64 kB.
    packed = base64.encodebytes(text.encode(errors="surrogateescape")[-65536:]).decode()
    body = (
        f'<GetConsoleOutputResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><instanceId>{escape(instance)}'
        f"</instanceId><timestamp>{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime())}</timestamp><output>{packed}</output>"
        "</GetConsoleOutputResponse>"
    )
    return answer(start_response, 200, "text/xml", body.encode())
