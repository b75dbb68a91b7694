"""Takes hosts off a list that wants to be asked by the listed host itself: removal.py ADDRESS PORT ZONE_FILE

Each GET removes the line of the asking address from the zone file.
"""
import http.server
import os
import sys
import threading


class Removal(http.server.BaseHTTPRequestHandler):
    zone = ''
    lock = threading.Lock()

    def do_GET(self):
        who = self.client_address[0]
        with Removal.lock:
            with open(Removal.zone, encoding='utf-8') as file:
                lines = file.readlines()
            left = [line for line in lines if line.strip() != who]
            with open(Removal.zone + '.new', 'w', encoding='utf-8') as file:
                file.writelines(left)
            os.rename(Removal.zone + '.new', Removal.zone)
        text = ('%s was removed\n' if len(left) < len(lines) else '%s is not listed\n') % who
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


Removal.zone = sys.argv[3]
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Removal).serve_forever()
