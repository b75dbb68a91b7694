"""Takes notices as webhooks: hook.py ADDRESS PORT FOLDER.

Each one goes into FOLDER/notices.jsonl as {id, timestamp, signature, body}; 204 is the answer, or the number in FOLDER/status.
FOLDER/port appears when it listens.
"""
import http.server
import json
import os
import sys


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode('utf-8')
        status = 204
        try:
            with open(os.path.join(sys.argv[3], 'status'), encoding='utf-8') as file:
                status = int(file.read())
        except OSError:
            pass
        line = {'id': self.headers.get('Mailquench-Notice-Id'), 'timestamp': self.headers.get('Mailquench-Timestamp'),
                'signature': self.headers.get('Mailquench-Signature'), 'body': body, 'status': status}
        with open(os.path.join(sys.argv[3], 'notices.jsonl'), 'a', encoding='utf-8') as file:
            file.write(json.dumps(line) + '\n')
        self.send_response(status)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    os.makedirs(sys.argv[3], exist_ok=True)
    server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Hook)
    with open(os.path.join(sys.argv[3], 'port'), 'w', encoding='utf-8') as file:
        file.write(str(server.server_address[1]))
    server.serve_forever()


main()
