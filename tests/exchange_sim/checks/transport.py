"""A transport of a few queues, for the checks of the shell alone: the control protocol of README.md."""
import base64
import json
import os
import socketserver
import threading


class Transport:
    def __init__(self, folder):
        self.queues, self.messages, self.asked = [], [], []
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    self.wfile.write((json.dumps(owner.answer(json.loads(line))) + '\n').encode())

        self.server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        with open(os.path.join(folder, 'sim', 'transport.json'), 'w', encoding='utf-8') as file:
            json.dump({'pid': os.getpid(), 'control': '127.0.0.1:%d' % self.server.server_address[1]}, file)

    def answer(self, request):
        self.asked.append(request)
        if request['do'] == 'queues':
            return {'ok': True, 'queues': self.queues}
        if request['do'] == 'messages':
            return {'ok': True, 'messages': self.messages}
        if request['do'] == 'export-message':
            return {'ok': True, 'eml': base64.b64encode(b'Subject: x\r\n\r\n' + b'y' * 70000).decode()}
        if request.get('message') == 'EX1\\3\\13':
            return {'ok': False, 'error': 'it is in delivery'}
        return {'ok': True}

    def did(self, what):
        return [request for request in self.asked if request['do'] == what]

    def end(self):
        self.server.shutdown()
        self.server.server_close()
