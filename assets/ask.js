// Questions to those who watch: what is asked, the viewer's own answer, whether it was right. Of what
// others answer nothing is here.
(() => {
  'use strict';

  const panel = document.createElement('section');
  panel.id = 'ask';
  panel.hidden = true;
  panel.setAttribute('aria-label', 'Question');
  const part = (name, more = {}) => panel.appendChild(Object.assign(document.createElement(name), more));
  const title = part('h2', { id: 'ask-text' });
  const choices = part('div', { id: 'ask-choices' });
  const status = part('p', { id: 'ask-status' });
  status.setAttribute('role', 'status');
  document.getElementById('left').prepend(panel);
  // The screen has the room that is left.
  new ResizeObserver(() => window.dispatchEvent(new Event('resize'))).observe(panel);

  /** The viewer's own answers, and whether they were right, by the numbers of the questions. */
  const mine = new Map(), right = new Map();
  /** What is typed, until it has been taken. */
  let typed = '';
  let asked = null, from = null, trouble = '';
  /** Something was asked in a lesson. */
  let ofLesson = false;

  const score = () => {
    const judged = [...right.values()];
    return judged.length ? `Your answers: ${judged.filter(Boolean).length} of ${judged.length} right.` : '';
  };

  async function send(answer) {
    const question = asked.number;
    const body = JSON.stringify({ question, token: from.viewer, answer });
    try {
      const response = await fetch(from.path.replace(/film$/, 'answer'), { method: 'POST', body });
      if (!response.ok) throw new Error('refused');
      mine.set(question, answer);
      trouble = typed = '';
    } catch {
      trouble = 'It was not taken: try again.';
    }
    if (asked?.number === question) show();
  }

  function said() {
    const own = mine.get(asked.number), { solved } = asked;
    if (solved) {
      const came = own === undefined ? 'You did not answer.'
        : solved.right === null ? 'It is not judged.' : right.get(asked.number) ? 'Right.' : 'Not so.';
      const spelled = solved.spelled ? ` It is ${solved.spelled}.` : '';
      return `${came}${spelled} ${score()}`.trim();
    }
    if (asked.closed) return own === undefined ? 'No more answers are taken.' : 'No more answers are taken; yours is in.';
    if (trouble) return trouble;
    return own === undefined ? 'What do you say?' : 'Your answer is in. You may change it until it is closed.';
  }

  function button(text, answer) {
    const one = document.createElement('button');
    one.type = 'button';
    one.textContent = `${answer + 1}  ${text}`;
    one.disabled = asked.closed;
    const own = mine.get(asked.number) === answer;
    one.setAttribute('aria-pressed', own);
    if (asked.solved && asked.solved.right === answer) one.classList.add('right');
    else if (asked.solved && own && asked.solved.right !== null) one.classList.add('wrong');
    one.addEventListener('click', () => send(answer));
    return one;
  }

  function field() {
    const input = Object.assign(document.createElement('input'), {
      id: 'ask-field', type: 'text', maxLength: 40, placeholder: asked.field, disabled: asked.closed,
      autocomplete: 'off', spellcheck: false, enterKeyHint: 'send', // What came too late is not the answer that counts.
      value: (!asked.closed && typed) || (mine.get(asked.number) ?? ''),
    });
    input.setAttribute('aria-labelledby', 'ask-text');
    const go = Object.assign(document.createElement('button'), { type: 'button', textContent: 'Send', disabled: asked.closed });
    const submit = () => { if (input.value.trim()) send(typed = input.value.trim()); };
    go.addEventListener('click', submit);
    input.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') submit();
    });
    return [input, go];
  }

  function show() {
    if (!asked) {
      title.textContent = score();
      choices.replaceChildren();
      panel.hidden = !title.textContent;
      // A lesson on the screen has a score of its own.
      status.textContent = ofLesson && !panel.hidden ? "Those on the screen are the teacher's." : '';
      return;
    }
    panel.hidden = false;
    title.textContent = asked.text;
    const typing = document.activeElement?.id === 'ask-field';
    choices.replaceChildren(...(asked.answers ? asked.answers.map(button) : field()));
    // Whoever types may go on.
    if (typing) document.getElementById('ask-field')?.focus();
    status.textContent = said();
  }

  /** Whether what is shown already says so: what is being typed is not disturbed. */
  let shown = '';

  // Nobody takes an answer any more.
  document.addEventListener('ended', () => {
    if (asked && !asked.solved) asked = { ...asked, closed: true };
    show();
  });

  document.addEventListener('question', ({ detail }) => {
    const { asked: now, ...where } = detail;
    const said = JSON.stringify(now);
    if (said === shown) return;
    [shown, asked, from] = [said, now, where];
    const solved = asked?.solved;
    ofLesson ||= where.lesson;
    if (solved && solved.right !== null) {
      const own = mine.get(asked.number);
      right.set(asked.number, Array.isArray(solved.right) ? solved.right.includes(own) : solved.right === own);
    }
    if (asked && !mine.has(asked.number)) trouble = typed = '';
    show();
  });
})();
